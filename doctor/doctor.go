// Package doctor examines the machine: what rrbench needs, what is missing, and the
// command that mends it.
package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	transports "rrbench/catalogue"
	"rrbench/engines"
	"rrbench/engines/catalogue"
	"rrbench/measure"
	"rrbench/shim/launch"
	"rrbench/shim/runc"
	"rrbench/transport"
	"rrbench/tune/crossovers"
	"rrbench/workloads"
)

// Level grades a finding.
type Level string

const (
	// Good needs nothing.
	Good Level = "ok"
	// Advice is something that makes measurements noisier or leaves a part out.
	Advice Level = "advice"
	// Missing is something without which rrbench cannot measure.
	Missing Level = "missing"
)

// Finding is the outcome of one examination.
type Finding struct {
	Subject string
	Level   Level
	Detail  string
	// Remedy is the command or the change that mends it; empty when nothing is wrong.
	Remedy string
}

// Examine looks at everything. It changes nothing.
func Examine() []Finding {
	findings := []Finding{operatingSystem(), memory(), governor(), load(), pipes(), leftovers(), tuned()}
	for _, name := range catalogue.Names() {
		findings = append(findings, fromError("engine "+name, catalogue.Check(name)))
	}
	for _, t := range transports.All() {
		findings = append(findings, aboutTransport(t))
	}
	for _, name := range workloads.Guests() {
		findings = append(findings, guest(name))
	}
	return append(findings, tool("clang", "rebuilds the C guest; the committed build serves without it", "apt-get install clang lld"))
}

// leftovers looks for containers of runs that were killed together with their runc.
func leftovers() Finding {
	f := Finding{Subject: "containers left behind", Level: Good, Detail: "none"}
	if left := runc.Leftovers(); len(left) > 0 {
		f.Level = Advice
		f.Detail = strings.Join(left, ", ")
		f.Remedy = "the next run of http/container removes them"
	}
	return f
}

// tuned says whether transports that choose by size do so as this machine was measured.
func tuned() Finding {
	f := Finding{Subject: "crossovers", Level: Advice, Remedy: "rrbench tune"}
	chosen, err := crossovers.Choose()
	switch {
	case err != nil:
		f.Detail = err.Error()
	case chosen.Warning != "":
		f.Detail = chosen.Warning
	case chosen.Measured():
		f.Level, f.Remedy = Good, ""
		f.Detail = chosen.Origin()
	default:
		f.Detail = chosen.Origin() + ", see rrbench list"
	}
	return f
}

func aboutTransport(t transport.Transport) Finding {
	info := t.Info()
	f := fromError("transport "+info.Name, launch.Check(t, ""))
	if _, s, _ := info.Parameter.Settle(""); s != nil && f.Level == Good {
		f.Level, f.Remedy = Advice, s.Remedy
		f.Detail = fmt.Sprintf("%s stands in for %s; rows and figures say so", s.Name, s.For)
	}
	return f
}

func fromError(subject string, err error) Finding {
	if err == nil {
		return Finding{Subject: subject, Level: Good, Detail: "runs here"}
	}
	f := Finding{Subject: subject, Level: Advice, Detail: err.Error()}
	var engine *engines.Unavailable
	var carrier *transport.Unavailable
	switch {
	case errors.As(err, &engine):
		f.Detail, f.Remedy = engine.Reason, engine.Remedy
	case errors.As(err, &carrier):
		f.Detail, f.Remedy = carrier.Reason, carrier.Remedy
	}
	return f
}

func operatingSystem() Finding {
	return Finding{Subject: "operating system", Level: Good, Detail: runtime.GOOS + "/" + runtime.GOARCH}
}

// comfortableMemory runs the paper's largest payload on every transport.
const comfortableMemory = 4 << 30

func memory() Finding {
	available, err := measure.AvailableMemory()
	if err != nil {
		return Finding{Subject: "memory", Level: Advice, Detail: err.Error()}
	}
	f := Finding{Subject: "memory", Level: Good, Detail: humanize.IBytes(uint64(available)) + " free"}
	if available < comfortableMemory {
		f.Level = Advice
		f.Remedy = "cells that do not fit are skipped; end other programs or give smaller --sizes"
	}
	return f
}

func governor() Finding {
	f := Finding{Subject: "CPU frequency governor", Level: Good}
	text, err := os.ReadFile("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	if err != nil {
		f.Detail = "not visible, as on most virtual machines"
		return f
	}
	f.Detail = strings.TrimSpace(string(text))
	if f.Detail != "performance" {
		f.Level = Advice
		f.Remedy = "cpupower frequency-set -g performance"
	}
	return f
}

func load() Finding {
	average := measure.ReadEnvironment().LoadAverage[0]
	f := Finding{Subject: "load average", Level: Good, Detail: strconv.FormatFloat(average, 'f', 2, 64)}
	if average > 0.5 {
		f.Level = Advice
		f.Remedy = "wait until the machine is idle, or end other programs"
	}
	return f
}

// pipeBytes is the pipe size below which network/splice does not come near what it can do.
const pipeBytes = 1 << 20

func pipes() Finding {
	f := Finding{Subject: "pipe size", Level: Good}
	text, err := os.ReadFile("/proc/sys/fs/pipe-max-size")
	if err != nil {
		f.Detail = "not known"
		return f
	}
	limit, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	f.Detail = humanize.IBytes(uint64(limit)) + " at most"
	if limit < pipeBytes {
		f.Level = Advice
		f.Remedy = fmt.Sprintf("sysctl -w fs.pipe-max-size=%d", pipeBytes)
	}
	return f
}

func guest(name string) Finding {
	_, err := workloads.Guest(name)
	if err != nil {
		return Finding{Subject: "guest " + name, Level: Advice, Detail: err.Error(), Remedy: "make guests"}
	}
	return Finding{Subject: "guest " + name, Level: Good, Detail: "built"}
}

func tool(name, purpose, remedy string) Finding {
	if path, err := exec.LookPath(name); err == nil {
		return Finding{Subject: name, Level: Good, Detail: path}
	}
	return Finding{Subject: name, Level: Advice, Detail: "not found; " + purpose, Remedy: remedy}
}

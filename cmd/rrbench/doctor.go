//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"rrbench/audit"
	transports "rrbench/catalogue"
	"rrbench/engines"
	"rrbench/engines/catalogue"
	"rrbench/measure"
	"rrbench/runtimes"
	"rrbench/shim/containerd"
	"rrbench/shim/launch"
	"rrbench/shim/runc"
	"rrbench/transport"
	"rrbench/tune/crossovers"
	"rrbench/workloads"
)

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "doctor",
		Short:   "Say what this machine lacks and the command that mends it",
		Example: "  rrbench doctor",
		Run: func(c *cobra.Command, _ []string) {
			out := newTable("subject", "state", "detail", "remedy")
			for _, f := range examine(c.Context()) {
				state := "ok"
				if f.lacking {
					state = "advice"
				}
				out.AppendRow(table.Row{f.subject, state, f.detail, f.remedy})
			}
			out.Render()
		},
	}
}

// finding is the outcome of one examination.
type finding struct {
	subject, detail string
	// lacking is set where something makes measurements noisier, or leaves out a part of them.
	lacking bool
	// remedy is the command or the change that helps.
	remedy string
}

// remedied adds the remedy if something is lacking.
func (f finding) remedied(lacking bool, remedy string) finding {
	if lacking {
		f.lacking, f.remedy = true, remedy
	}
	return f
}

// judge makes a finding of an error, or of the detail where there is none.
func judge(subject, detail string, err error) finding {
	if err == nil {
		return finding{subject: subject, detail: detail}
	}
	f := finding{subject: subject, detail: err.Error(), lacking: true}
	if engine, ok := errors.AsType[*engines.Unavailable](err); ok {
		f.detail, f.remedy = engine.Reason, engine.Remedy
	} else if carrier, ok := errors.AsType[*transport.Unavailable](err); ok {
		f.detail, f.remedy = carrier.Reason, carrier.Remedy
	}
	return f
}

// comfortableMemory is enough for the paper's largest payload on every transport, in bytes.
const comfortableMemory = 4 << 30

// pipeBytes is the pipe size below which network/splice is much slower than it can be.
const pipeBytes = 1 << 20

// examine looks at everything. It changes nothing.
func examine(ctx context.Context) []finding {
	e := measure.ReadEnvironment()
	machine := fmt.Sprintf("%s, %d CPUs at %.0f MHz", e.CPUModel, e.CPUs, e.CPUMHz)
	if e.Virtualization != "" {
		machine += "; virtual: " + e.Virtualization
	}
	restrictions, stolen := e.Restrictions(), e.StolenSince(&measure.Environment{})
	variables, goes := slices.Sorted(maps.Keys(e.GoVariables)), "as Go has it"
	if len(variables) > 0 {
		goes = strings.Join(variables, ", ") + " of the environment are for this program alone, functions run without"
	}
	available, memoryErr := measure.AvailableMemory()
	governor := line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	pipe, pipes := line("/proc/sys/fs/pipe-max-size"), "not known"
	limit, _ := strconv.ParseUint(pipe, 10, 64)
	if pipe != "" {
		pipes = humanize.IBytes(limit) + " at most"
	}
	// A run leaves containers behind when it is killed together with its runc or containerd.
	left := append(runc.Leftovers(), containerd.Leftovers()...)
	findings := []finding{
		{subject: "operating system", detail: runtime.GOOS + "/" + runtime.GOARCH},
		finding{subject: "machine", detail: machine}.
			remedied(e.Virtualization != "", "measure on bare metal where microseconds count: mapping pages costs more here"),
		finding{subject: "limits", detail: cmp.Or(strings.Join(restrictions, "; "), "none by control groups or affinity")}.
			remedied(restrictions != nil, "measure outside of what sets them, or say so beside the results: manifest.json has them"),
		finding{subject: "stolen CPU time", detail: fmt.Sprintf("%.2f %% since the machine started", stolen*100)}.
			remedied(stolen >= measure.NoticeableSteal, "use a machine whose processors no other machine shares; each run says what was stolen while it lasted"),
		finding{subject: "Go environment", detail: goes}.
			remedied(len(variables) > 0, "unset "+strings.Join(variables, " ")),
		judge("memory", humanize.IBytes(uint64(available))+" free", memoryErr).
			remedied(memoryErr == nil && available < comfortableMemory, "cells that do not fit are skipped; end other programs or give smaller --sizes"),
		finding{subject: "CPU frequency governor", detail: cmp.Or(governor, "not visible, as on most virtual machines")}.
			remedied(governor != "" && governor != "performance", "cpupower frequency-set -g performance"),
		finding{subject: "load average", detail: strconv.FormatFloat(e.LoadAverage[0], 'f', 2, 64)}.
			remedied(e.LoadAverage[0] > 0.5, "wait until the machine is idle, or end other programs"),
		finding{subject: "pipe size", detail: pipes}.
			remedied(pipe != "" && limit < pipeBytes, fmt.Sprintf("sysctl -w fs.pipe-max-size=%d", pipeBytes)),
		finding{subject: "containers left behind", detail: cmp.Or(strings.Join(left, ", "), "none")}.
			remedied(len(left) > 0, "the next run of http/container, or by containerd, removes them"),
		tuned(ctx),
	}
	for _, name := range catalogue.Names() {
		findings = append(findings, judge("engine "+name, "runs here", catalogue.Check(name)))
	}
	for _, t := range transports.All() {
		info := t.Info()
		f := judge("transport "+info.Name, "runs here", launch.Check(t, ""))
		if _, s, _ := info.Parameter.Resolve(""); s != nil && !f.lacking {
			f.detail = fmt.Sprintf("%s stands in for %s; rows and figures say so", s.Name, s.For)
			f = f.remedied(true, s.Remedy)
		}
		findings = append(findings, f)
	}
	for _, name := range workloads.Guests() {
		_, err := workloads.Guest(name)
		findings = append(findings, judge("guest "+name, "built", err).remedied(err != nil, "make guests"))
	}
	path, err := exec.LookPath("clang")
	native, lacking := runtimes.FindCompiler(ctx)
	return append(findings,
		judge("launcher containerd", "a private one starts functions", launch.New("").For(transport.Info{Launcher: transport.LauncherContainerd}).Check("")),
		finding{subject: "clang", detail: cmp.Or(path, "not found; rebuilds the C guest; the committed build serves without it")}.remedied(err != nil, "apt-get install clang lld"),
		finding{subject: "native programs", detail: cmp.Or(native.Version, "no C compiler for those of --experiment compute and coldstart")}.
			remedied(lacking != nil, "apt-get install gcc libc6-dev"),
		counting())
}

// line is the content of a file of the kernel's, empty where it cannot be read.
func line(path string) string {
	text, _ := os.ReadFile(path)
	return strings.TrimSpace(string(text))
}

// tuned reports whether transports that choose by size use crossovers that were measured on this machine.
func tuned(ctx context.Context) finding {
	chosen, err := crossovers.Choose(ctx)
	f := judge("crossovers", chosen.Origin(), err)
	switch {
	case chosen.Warning != "":
		f.detail = chosen.Warning
	case err == nil && !chosen.Measured():
		f.detail += ", see rrbench list"
	}
	return f.remedied(!chosen.Measured(), "rrbench tune")
}

// counting reports whether an audit can count here. The kernel removes an audit's programs and probes at the end of its process.
func counting() finding {
	err := audit.Check()
	return judge("copy audit", "the kernel counts copies and system calls", err).remedied(err != nil, audit.Remedy)
}

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
				out.AppendRow(table.Row{f.subject, f.state(), f.detail, f.remedy})
			}
			out.Render()
		},
	}
}

// finding is the outcome of one examination.
type finding struct {
	subject, detail string
	// lacking is set where something makes measurements noisier or leaves a part out.
	lacking bool
	// remedy is the command or the change that mends it.
	remedy string
}

func (f finding) state() string {
	if f.lacking {
		return "advice"
	}
	return "ok"
}

// remedied is the finding with the remedy if something is lacking.
func (f finding) remedied(lacking bool, remedy string) finding {
	if lacking {
		f.lacking, f.remedy = true, remedy
	}
	return f
}

// judge is what an error says, or else the detail.
func judge(subject, detail string, err error) finding {
	if err == nil {
		return finding{subject: subject, detail: detail}
	}
	f := finding{subject: subject, detail: err.Error(), lacking: true}
	var engine *engines.Unavailable
	var carrier *transport.Unavailable
	switch {
	case errors.As(err, &engine):
		f.detail, f.remedy = engine.Reason, engine.Remedy
	case errors.As(err, &carrier):
		f.detail, f.remedy = carrier.Reason, carrier.Remedy
	}
	return f
}

// examine looks at everything. It changes nothing.
func examine(ctx context.Context) []finding {
	e := measure.ReadEnvironment()
	findings := []finding{
		{subject: "operating system", detail: runtime.GOOS + "/" + runtime.GOARCH},
		hardware(&e), restrictions(&e), stolen(&e), goVariables(&e),
		freeMemory(), governor(), load(&e), pipes(), leftovers(), tuned(ctx),
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
	findings = append(findings, starting())
	path, err := exec.LookPath("clang")
	compiler := finding{subject: "clang", detail: path}
	if err != nil {
		compiler.detail = "not found; rebuilds the C guest; the committed build serves without it"
	}
	native, lacking := runtimes.FindCompiler(ctx)
	programs := finding{subject: "native programs", detail: native.Version}
	if lacking != nil {
		programs.detail = "no C compiler for those of --experiment compute and coldstart"
	}
	return append(findings, compiler.remedied(err != nil, "apt-get install clang lld"), programs.remedied(lacking != nil, "apt-get install gcc libc6-dev"), counting())
}

// hardware says what runs this system, a machine or another program.
func hardware(e *measure.Environment) finding {
	f := finding{subject: "machine", detail: fmt.Sprintf("%s, %d CPUs at %.0f MHz", e.CPUModel, e.CPUs, e.CPUMHz)}
	if e.Virtualization != "" {
		f.detail += "; virtual: " + e.Virtualization
	}
	return f.remedied(e.Virtualization != "", "measure on bare metal where microseconds count: mapping pages costs more here")
}

// restrictions are what control groups and affinity leave of the machine.
func restrictions(e *measure.Environment) finding {
	lines := e.Restrictions()
	return finding{subject: "limits", detail: cmp.Or(strings.Join(lines, "; "), "none by control groups or affinity")}.
		remedied(lines != nil, "measure outside of what sets them, or say so beside the results: manifest.json has them")
}

// stolen is what the hypervisor has taken since the machine was started.
func stolen(e *measure.Environment) finding {
	share := e.StolenSince(&measure.Environment{})
	return finding{subject: "stolen CPU time", detail: fmt.Sprintf("%.2f %% since the machine started", share*100)}.
		remedied(share >= measure.NoticeableSteal, "use a machine whose processors no other machine shares; each run says what was stolen while it lasted")
}

// goVariables are of no consequence for what is measured, and may slow this program down.
func goVariables(e *measure.Environment) finding {
	names := slices.Sorted(maps.Keys(e.GoVariables))
	f := finding{subject: "Go environment", detail: "as Go has it"}
	if len(names) > 0 {
		f.detail = strings.Join(names, ", ") + " of the environment are for this program alone, functions run without"
	}
	return f.remedied(len(names) > 0, "unset "+strings.Join(names, " "))
}

// comfortableMemory runs the paper's largest payload on every transport.
const comfortableMemory = 4 << 30

func freeMemory() finding {
	available, err := measure.AvailableMemory()
	return judge("memory", humanize.IBytes(uint64(available))+" free", err).
		remedied(err == nil && available < comfortableMemory, "cells that do not fit are skipped; end other programs or give smaller --sizes")
}

func governor() finding {
	f := finding{subject: "CPU frequency governor", detail: "not visible, as on most virtual machines"}
	text, err := os.ReadFile("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	if err != nil {
		return f
	}
	f.detail = strings.TrimSpace(string(text))
	return f.remedied(f.detail != "performance", "cpupower frequency-set -g performance")
}

func load(e *measure.Environment) finding {
	average := e.LoadAverage[0]
	return finding{subject: "load average", detail: strconv.FormatFloat(average, 'f', 2, 64)}.
		remedied(average > 0.5, "wait until the machine is idle, or end other programs")
}

// pipeBytes is the pipe size below which network/splice does not come near what it can do.
const pipeBytes = 1 << 20

func pipes() finding {
	text, err := os.ReadFile("/proc/sys/fs/pipe-max-size")
	if err != nil {
		return finding{subject: "pipe size", detail: "not known"}
	}
	limit, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return finding{subject: "pipe size", detail: humanize.IBytes(uint64(limit)) + " at most"}.
		remedied(limit < pipeBytes, fmt.Sprintf("sysctl -w fs.pipe-max-size=%d", pipeBytes))
}

// leftovers looks for containers of runs that were killed together with their runc or containerd.
func leftovers() finding {
	left := append(runc.Leftovers(), containerd.Leftovers()...)
	return finding{subject: "containers left behind", detail: cmp.Or(strings.Join(left, ", "), "none")}.
		remedied(len(left) > 0, "the next run of http/container, or by containerd, removes them")
}

// starting says whether containerd can start functions.
func starting() finding {
	return judge("launcher containerd", "a private one starts functions", launch.New("").For(transport.Info{Launcher: transport.LauncherContainerd}).Check(""))
}

// tuned says whether transports that choose by size do so as this machine was measured.
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

// counting says whether an audit can count here. Nothing of an audit outlives its process:
// the kernel takes its programs and probes away.
func counting() finding {
	err := audit.Check()
	return judge("copy audit", "the kernel counts copies and system calls", err).remedied(err != nil, audit.Remedy)
}

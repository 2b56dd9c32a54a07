package runtimes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rrbench/payloads"
	"rrbench/shim"
	"rrbench/shim/containerd"
	"rrbench/workloads"
)

// Programs are those of an experiment, native ones built: each of a whole experiment with its usual arguments, or with
// the published ones. Where there is no native program, Program.Fault is the reason.
func Programs(ctx context.Context, kind Kind, full bool) ([]Program, error) {
	list := workloads.ComputePrograms()
	if kind == ColdStart {
		list = workloads.StartPrograms()
	}
	compiler, lacking := FindCompiler(ctx)
	var programs []Program
	for _, one := range list {
		p := Program{Name: one.Name, Fault: lacking}
		var err error
		if p.Module, err = one.Module(); err != nil {
			return nil, err
		}
		argument := one.Argument
		if full && one.Full != "" {
			argument = one.Full
		}
		if argument != "" {
			p.Arguments = []string{argument}
		}
		if one.Input {
			p.Input = inputs[one.Name]()
		}
		if p.Output = expected[p.Line()]; one.Name == "cat-sync" {
			p.Output = digestOf(p.Input)
		}
		if lacking == nil {
			p.Native, p.Fault = compiler.Build(ctx, one)
		}
		programs = append(programs, p)
	}
	return programs, nil
}

// Line is the program's command line.
func (p *Program) Line() string { return strings.Join(p.arguments(), " ") }

// expected is what programs write by their command lines: native ones and modules the same, byte for byte.
var expected = map[string]Output{
	"nop":                   digestOf(nil),
	"nbody 2000000":         {26, 0x8861212473944fd6},
	"fannkuch-redux 10":     {27, 0xc0ae250a47b7360f},
	"mandelbrot 2000":       {500013, 0xbbf27a23fbed5482},
	"mandelbrot-simd 2000":  {500013, 0xbbf27a23fbed5482},
	"binary-trees 17":       {359, 0x613b658eda6e538f},
	"fasta 1000000":         {10166745, 0xa1a7d0b633fff1ae},
	"hello":                 {14, 0xd74465538534e557},
	"resize":                {817935, 0xec59d18e3cd1603b},
	"nbody 50000000":        {26, 0x32dbbd84b37ce125},
	"fannkuch-redux 12":     {29, 0x6b38f478415ccacc},
	"mandelbrot 15000":      {28125015, 0xc5ce7b1816659ab4},
	"mandelbrot-simd 15000": {28125015, 0xc5ce7b1816659ab4},
	"binary-trees 21":       {455, 0xbc2832dddcb1cfd6},
	"fasta 25000000":        {254166745, 0x54b8f14b5bd39405},
}

func digestOf(content []byte) Output {
	var o shim.Output
	_, _ = o.Write(content)
	o.End()
	return Output{o.Length, o.Digest}
}

// inputs are what programs read.
var inputs = map[string]func() []byte{
	"cat-sync": func() []byte {
		text := make([]byte, 1<<20)
		payloads.Fill(text, payloads.Text, 1)
		return text
	},
	"resize": picture,
}

// picture is a photograph's size of smooth colours with edges and some noise, as a portable pixmap.
func picture() []byte {
	const width, height = 1920, 1280
	image := fmt.Appendf(nil, "P6\n%d %d\n255\n", width, height)
	noise := uint64(1)
	for y := range height {
		for x := range width {
			noise = payloads.Mix(noise, uint64(x))
			grain := int(noise & 15)
			edge := 0
			if (x/160+y/160)%2 == 1 {
				edge = 48
			}
			image = append(image, byte(x*180/width+edge+grain), byte(y*180/height+edge+grain), byte((x+y)*180/(width+height)+grain))
		}
	}
	return image
}

// All are the runtimes of this program and of this machine: engines, commands with those that a user has added, native
// programs as processes and in containers. An engine runs in shims of its launcher.
func All(engines []string, available func(string) error, shims func(engine string) shim.Launcher, server *containerd.Server, added []Command, handlers []string) []Runtime {
	var all []Runtime
	for _, name := range engines {
		all = append(all, Engine{name, available, shims(name)})
	}
	commands := Commands()
	for _, c := range added {
		i := slices.IndexFunc(commands, func(known Command) bool { return known.Runtime == c.Runtime })
		if i < 0 {
			commands = append(commands, c)
		} else {
			commands[i] = c
		}
	}
	for _, c := range commands {
		all = append(all, c)
	}
	all = append(all, Native{}, Container{})
	for _, name := range engines {
		all = append(all, Containerd{Server: server, Engine: name, Available: available})
	}
	for _, name := range handlers {
		all = append(all, Containerd{Server: server, Handler: name})
	}
	return append(all, Containerd{Server: server})
}

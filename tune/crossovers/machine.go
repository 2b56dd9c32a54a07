package crossovers

import (
	"fmt"
	"strconv"

	"rrbench/measure"
)

// Machine is what tells machines apart whose crossovers differ.
type Machine struct {
	Architecture string `json:"architecture"`
	CPUModel     string `json:"cpu_model"`
	CPUs         int    `json:"cpus"`
	Kernel       string `json:"kernel"`
}

// ThisMachine is the one that this process runs on.
func ThisMachine() Machine { return MachineOf(measure.ReadEnvironment()) }

// MachineOf is the one of an environment.
func MachineOf(e measure.Environment) Machine {
	return Machine{Architecture: e.Architecture, CPUModel: e.CPUModel, CPUs: e.CPUs, Kernel: e.KernelRelease}
}

// Differs says in what another machine differs from this one, and how either is; the property is
// empty when they do not differ.
func (m Machine) Differs(other Machine) (property, theirs, ours string) {
	quoted := func(text string) string { return fmt.Sprintf("%.80q", text) }
	switch {
	case m.Architecture != other.Architecture:
		return "architecture", quoted(other.Architecture), quoted(m.Architecture)
	case m.CPUModel != other.CPUModel:
		return "CPU", quoted(other.CPUModel), quoted(m.CPUModel)
	case m.CPUs != other.CPUs:
		return "number of CPUs", strconv.Itoa(other.CPUs), strconv.Itoa(m.CPUs)
	case m.Kernel != other.Kernel:
		return "kernel", quoted(other.Kernel), quoted(m.Kernel)
	}
	return "", "", ""
}

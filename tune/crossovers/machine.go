package crossovers

import (
	"fmt"

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
func ThisMachine() Machine {
	e := measure.ReadEnvironment()
	return Machine{Architecture: e.Architecture, CPUModel: e.CPUModel, CPUs: e.CPUs, Kernel: e.KernelRelease}
}

// differs says how another machine differs from this one, empty when it does not.
func (m Machine) differs(other Machine) string {
	switch {
	case m.Architecture != other.Architecture:
		return fmt.Sprintf("architecture %.40q there, %q here", other.Architecture, m.Architecture)
	case m.CPUModel != other.CPUModel:
		return fmt.Sprintf("CPU %.80q there, %q here", other.CPUModel, m.CPUModel)
	case m.CPUs != other.CPUs:
		return fmt.Sprintf("%d CPUs there, %d here", other.CPUs, m.CPUs)
	case m.Kernel != other.Kernel:
		return fmt.Sprintf("kernel %.80q there, %q here", other.Kernel, m.Kernel)
	}
	return ""
}

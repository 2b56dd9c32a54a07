package audit

import (
	"debug/elf"
	"debug/gosym"
	"errors"
	"os"
	"reflect"
	"runtime"

	"github.com/prometheus/procfs"
)

// ownFunctions returns where this program's functions begin in its file. It reads the table
// that the Go runtime itself needs, which programs without symbols have too, such as tests.
// Addresses there count from where Go's code begins, which one function tells: a breakpoint
// at a wrong address would ruin the program.
func ownFunctions() (map[string]uint64, error) {
	file, err := elf.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	section := file.Section(".gopclntab")
	if section == nil {
		return nil, errors.New("this program has no section .gopclntab")
	}
	data, err := section.Data()
	if err != nil {
		return nil, err
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, 0))
	if err != nil {
		return nil, err
	}
	self, err := procfs.Self()
	if err != nil {
		return nil, err
	}
	mappings, err := self.ProcMaps()
	if err != nil {
		return nil, err
	}
	pc := reflect.ValueOf(Run).Pointer()
	known := table.LookupFunc(runtime.FuncForPC(pc).Name())
	offsets := make(map[string]uint64)
	for _, m := range mappings {
		if known == nil || pc < m.StartAddr || pc >= m.EndAddr {
			continue
		}
		for _, f := range table.Funcs {
			offsets[f.Name] = f.Entry - known.Entry + uint64(pc-m.StartAddr) + uint64(m.Offset)
		}
	}
	return offsets, nil
}

// runsThisProgram says whether a process runs the same file as this one.
func runsThisProgram(pid int) bool {
	own, err := os.Stat("/proc/self/exe")
	its, err2 := os.Stat(processFile(pid, "exe"))
	return err == nil && err2 == nil && os.SameFile(own, its)
}

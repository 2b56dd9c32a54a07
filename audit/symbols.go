package audit

import (
	"debug/elf"
	"debug/gosym"
	"fmt"
	"strings"
)

// goFunctions returns where in the file of a Go program these functions begin; what the
// program does not have is left out. It reads the symbol table or, where that has been
// stripped, the table that the Go runtime itself needs.
func goFunctions(file *elf.File, known anchor, names ...string) map[string]uint64 {
	addresses := make(map[string]uint64)
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	symbols, err := file.Symbols()
	if err == nil {
		for _, s := range symbols {
			if wanted[s.Name] && elf.ST_TYPE(s.Info) == elf.STT_FUNC {
				addresses[s.Name] = s.Value
			}
		}
	}
	if len(addresses) == 0 {
		addresses = fromLineTable(file, wanted, known)
	}
	offsets := make(map[string]uint64)
	for name, address := range addresses {
		if offset, err := offsetOf(file, address); err == nil {
			offsets[name] = offset
		}
	}
	return offsets
}

// fromLineTable reads .gopclntab. Its addresses count from where Go's code begins, which it
// does not tell. A breakpoint at a wrong address would ruin the program, so nothing is
// returned unless a function whose address is known is found where it is.
func fromLineTable(file *elf.File, wanted map[string]bool, known anchor) map[string]uint64 {
	section, text := file.Section(".gopclntab"), file.Section(".text")
	if section == nil || text == nil {
		return nil
	}
	data, err := section.Data()
	if err != nil {
		return nil
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	if err != nil {
		return nil
	}
	addresses := make(map[string]uint64)
	var shift uint64
	anchored := false
	for _, f := range table.Funcs {
		switch {
		case f.Name == known.name:
			shift, anchored = known.address-f.Entry, true
		case strings.HasPrefix(f.Name, "_rt0_") && f.Entry == file.Entry:
			// Linked by Go alone, whose code begins the section.
			shift, anchored = 0, true
		}
		if wanted[f.Name] {
			addresses[f.Name] = f.Entry
		}
	}
	if !anchored {
		return nil
	}
	for name := range addresses {
		addresses[name] += shift
	}
	return addresses
}

// anchor is a function whose address in the file's own numbering is known; none has no name.
type anchor struct {
	name    string
	address uint64
}

// offsetOf is the place in the file of what is loaded at an address.
func offsetOf(file *elf.File, address uint64) (uint64, error) {
	for _, p := range file.Progs {
		if p.Type == elf.PT_LOAD && address >= p.Vaddr && address-p.Vaddr < p.Filesz {
			return address - p.Vaddr + p.Off, nil
		}
	}
	return 0, fmt.Errorf("no segment has the address %#x", address)
}

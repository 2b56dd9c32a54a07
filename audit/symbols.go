package audit

import (
	"debug/elf"
	"debug/gosym"
	"fmt"
)

// goFunctions returns where in the file of a Go program these functions begin; what the
// program does not have is left out. It reads the symbol table or, where that has been
// stripped, the table that the Go runtime itself needs.
func goFunctions(file *elf.File, names ...string) map[string]uint64 {
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
		addresses = fromLineTable(file, wanted)
	}
	offsets := make(map[string]uint64)
	for name, address := range addresses {
		if offset, err := offsetOf(file, address); err == nil {
			offsets[name] = offset
		}
	}
	return offsets
}

// fromLineTable reads .gopclntab.
func fromLineTable(file *elf.File, wanted map[string]bool) (addresses map[string]uint64) {
	addresses = make(map[string]uint64)
	section, text := file.Section(".gopclntab"), file.Section(".text")
	if section == nil || text == nil {
		return addresses
	}
	data, err := section.Data()
	if err != nil {
		return addresses
	}
	// A table of another Go version makes gosym panic at worst; the functions are then not
	// found, and the report says so.
	defer func() { _ = recover() }()
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	if err != nil {
		return addresses
	}
	for _, f := range table.Funcs {
		if wanted[f.Name] {
			addresses[f.Name] = f.Entry
		}
	}
	return addresses
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

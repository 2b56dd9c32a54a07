package audit

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/prometheus/procfs"
)

// place is the beginning of a function in a file.
type place struct {
	// path is where this process finds the file, also when the other process has another root.
	path   string
	offset uint64
}

// copyingFunctions of the C library; the checking ones jump to the others or are the same.
var copyingFunctions = map[string]bool{"memcpy": true, "memmove": true, "mempcpy": true}

// libcCopies returns where the copying functions of the C library begin that a process uses. The library has several of
// each, and chooses by the processor when a program is loaded. The choice is read from where the dynamic linker has put it:
// the global offset tables of the program and of its libraries.
func libcCopies(pid int) (map[place]bool, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return nil, err
	}
	mappings, err := process.ProcMaps()
	if err != nil {
		return nil, err
	}
	memory, err := os.Open(processFile(pid, "mem"))
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	places := make(map[place]bool)
	for _, m := range mappings {
		// The beginning of a file is where its headers are.
		if m.Offset != 0 {
			continue
		}
		slots, err := copyingSlots(reach(pid, m), uint64(m.StartAddr))
		if err != nil {
			// No object file, like a locale archive, no file at all, or gone.
			continue
		}
		for _, slot := range slots {
			var word [8]byte
			if _, err := memory.ReadAt(word[:], int64(slot)); err != nil {
				continue
			}
			address := uintptr(binary.LittleEndian.Uint64(word[:]))
			for _, in := range mappings {
				// An address in the object itself has not been resolved, because the function has not been called.
				if address >= in.StartAddr && address < in.EndAddr && in.Perms.Execute && in.Inode != 0 && in.Pathname != m.Pathname {
					places[place{reach(pid, in), uint64(address-in.StartAddr) + uint64(in.Offset)}] = true
				}
			}
		}
	}
	return places, nil
}

// choice matches the name of one of several, such as __memmove_avx_unaligned. The checking functions, whose names continue
// with chk, jump to these.
var choice = regexp.MustCompile(`^__mem(p?cpy|move)_([^c]|c[^h])`)

// linkedCopies returns the copying functions of a program that the library is linked into statically, by their addresses. Such
// a program contains all choices.
func linkedCopies(program string) (map[uint64]string, error) {
	file, err := elf.Open(program)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, err
	}
	found := make(map[uint64]string)
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && choice.MatchString(s.Name) {
			found[s.Value] = s.Name
		}
	}
	return found, nil
}

// copyingSlots returns the addresses in memory that hold the addresses of the copying functions, for an object that is loaded
// at start.
func copyingSlots(path string, start uint64) (slots []uint64, err error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_LOAD {
			start -= p.Vaddr - p.Off
			break
		}
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return nil, err
	}
	for _, section := range file.Sections {
		if section.Type != elf.SHT_RELA {
			continue
		}
		data, err := section.Data()
		if err != nil {
			continue
		}
		// Elf64_Rela: the place, the symbol in the upper half of the next word.
		for ; len(data) >= 24; data = data[24:] {
			symbol := binary.LittleEndian.Uint64(data[8:]) >> 32
			// DynamicSymbols leaves the first, empty one out.
			if symbol > 0 && symbol <= uint64(len(symbols)) && copyingFunctions[symbols[symbol-1].Name] {
				slots = append(slots, start+binary.LittleEndian.Uint64(data))
			}
		}
	}
	return slots, nil
}

// reach is a path by which this process opens a file that another one has mapped, also when the other one has another root or
// the file has been removed.
func reach(pid int, m *procfs.ProcMap) string {
	return processFile(pid, fmt.Sprintf("map_files/%x-%x", m.StartAddr, m.EndAddr))
}

func processFile(pid int, name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }

package audit

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
)

// place is the beginning of a function in a file.
type place struct {
	// path is how this process reaches the file, whatever root the other one has.
	path   string
	offset uint64
}

// copyingFunctions of the C library; the checking ones jump to the others or are the same.
var copyingFunctions = map[string]bool{"memcpy": true, "memmove": true, "mempcpy": true}

// libcCopies returns where the C library's copying functions begin for a process. The
// library has several of each and chooses for the processor when a program is loaded, so
// the choice is read from where the dynamic linker has left it: the global offset tables
// of the program and of its libraries.
func libcCopies(pid int, mappings []mapping) ([]place, error) {
	memory, err := os.Open(processFile(pid, "mem"))
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	seen := make(map[place]bool)
	var places []place
	looked := make(map[string]bool)
	for _, m := range mappings {
		// The beginning of a file is where its headers are.
		if m.offset != 0 || looked[m.path] {
			continue
		}
		looked[m.path] = true
		slots, bias, err := copyingSlots(reach(pid, m), m.start)
		if err != nil {
			// No object file, like a locale archive, or gone.
			continue
		}
		for _, slot := range slots {
			var word [8]byte
			if _, err := memory.ReadAt(word[:], int64(slot+bias)); err != nil {
				continue
			}
			in, offset, found := fileOffset(mappings, binary.LittleEndian.Uint64(word[:]))
			// One that points back into its own object has not been resolved, because it
			// has not been called.
			if !found || !in.executable || in.path == m.path {
				continue
			}
			p := place{reach(pid, in), offset}
			id := place{in.path, offset}
			if !seen[id] {
				seen[id] = true
				places = append(places, p)
			}
		}
	}
	return places, nil
}

// copyingSlots returns the places in a loaded object's memory that hold addresses of the
// copying functions, before they are moved by the bias.
func copyingSlots(path string, start uint64) (slots []uint64, bias uint64, err error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	if file.Class != elf.ELFCLASS64 || file.ByteOrder != binary.ByteOrder(binary.LittleEndian) {
		return nil, 0, fmt.Errorf("%s: not of a 64-bit little-endian processor", path)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_LOAD {
			bias = start - (p.Vaddr - p.Off)
			break
		}
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return nil, 0, err
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
			if symbol == 0 || symbol > uint64(len(symbols)) || !copyingFunctions[symbols[symbol-1].Name] {
				continue
			}
			slots = append(slots, binary.LittleEndian.Uint64(data))
		}
	}
	return slots, bias, nil
}

// reach is a path by which this process opens a file that another one has mapped, also when
// that has another root or the file has been removed.
func reach(pid int, m mapping) string {
	return processFile(pid, fmt.Sprintf("map_files/%x-%x", m.start, m.end))
}

func processFile(pid int, name string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + name
}

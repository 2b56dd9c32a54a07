package workloads

import "embed"

// computeFiles are the programs of the compute suite: their modules, and the sources of which native ones are made.
//
//go:embed compute/built/*.wasm compute/*.c compute/*.h
var computeFiles embed.FS

// A ComputeProgram is one that runs by itself, in WebAssembly by WASI preview 1 or natively: the same source is both.
type ComputeProgram struct {
	Name string
	// Source is its file's name, Defines are the compiler's definitions for it.
	Source, Define string
	// Argument is what it is given usually, Full what was published; both may be empty.
	Argument, Full string
	// Input is set if it reads standard input.
	Input bool
}

// ComputePrograms are those of the suite, in the order of tables and figures.
func ComputePrograms() []ComputeProgram {
	return []ComputeProgram{
		{Name: "nop", Source: "nop.c"},
		{Name: "cat-sync", Source: "cat-sync.c", Input: true},
		{Name: "nbody", Source: "nbody.c", Argument: "2000000", Full: "50000000"},
		{Name: "fannkuch-redux", Source: "fannkuch-redux.c", Argument: "10", Full: "12"},
		{Name: "mandelbrot", Source: "mandelbrot.c", Argument: "2000", Full: "15000"},
		{Name: "mandelbrot-simd", Source: "mandelbrot.c", Define: "SIMD", Argument: "2000", Full: "15000"},
		{Name: "binary-trees", Source: "binary-trees.c", Argument: "17", Full: "21"},
		{Name: "fasta", Source: "fasta.c", Argument: "1000000", Full: "25000000"},
	}
}

// StartPrograms are those whose start is measured.
func StartPrograms() []ComputeProgram {
	return []ComputeProgram{
		{Name: "hello", Source: "hello.c"},
		{Name: "resize", Source: "resize.c", Input: true},
	}
}

// Module is the program's, which the caller must not change.
func (p ComputeProgram) Module() ([]byte, error) {
	return computeFiles.ReadFile("compute/built/" + p.Name + ".wasm")
}

// Sources are the files of which a compiler makes the program, by their names.
func (p ComputeProgram) Sources() (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, name := range []string{p.Source, "system.c", "system.h"} {
		content, err := computeFiles.ReadFile("compute/" + name)
		if err != nil {
			return nil, err
		}
		files[name] = content
	}
	return files, nil
}

// Package rrbench holds the texts that accompany what the program makes.
package rrbench

import _ "embed"

var (
	// License is the project's own; it is not to be changed.
	//go:embed LICENSE
	License []byte
	// Citation is how to cite the project; it is not to be changed.
	//go:embed CITATION.cff
	Citation []byte
)

package container

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"

	"rrbench/baselines/container/control"
)

// programName is the function program's, which make build puts beside rrbench itself.
const programName = "rrbench-function"

// findProgram returns the path of the static executable that containers run.
var findProgram = func() (string, error) {
	executable, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	path := filepath.Join(filepath.Dir(executable), programName)
	return path, checkStatic(path)
}

// checkStatic returns nil when path is a program that needs no other file to run.
func checkStatic(path string) error {
	file, err := elf.Open(path)
	if os.IsNotExist(err) {
		return fmt.Errorf("%s is not built", path)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be run: %w", path, err)
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return fmt.Errorf("%s needs shared libraries, which a container from scratch has not", path)
		}
	}
	return nil
}

// sameRevision refuses a function program that was left over from another build: what it
// measures would not be what this program's sources say.
func sameRevision(theirs string) error {
	ours := control.Revision()
	if ours == "" || theirs == "" || ours == theirs {
		return nil
	}
	return fmt.Errorf("%s was built from commit %s, this program from %s (make build)", programName, theirs, ours)
}

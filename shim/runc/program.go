package runc

import (
	"debug/elf"
	"fmt"
	"os"
)

// findProgram returns the path of the static program that containers run.
func (l Launcher) findProgram() (string, error) {
	path := l.Program
	if path == "" {
		var err error
		if path, err = os.Executable(); err != nil {
			return "", fmt.Errorf("find this program: %w", err)
		}
	}
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

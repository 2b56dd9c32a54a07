package runtimes

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"rrbench/child"
	"rrbench/private"
	"rrbench/workloads"
)

var errNoCompiler = &Unavailable{Runtime: nativeEngine, Reason: "no C compiler has been found for it", Remedy: "apt-get install gcc libc6-dev"}

// nativeFlags are like those of the modules: workloads/build.sh.
var nativeFlags = []string{"-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno"}

// Compiler makes native programs of the sources that modules are made of.
type Compiler struct{ Path, Version string }

// FindCompiler looks for one that works.
func FindCompiler(ctx context.Context) (Compiler, error) {
	for _, name := range []string{"clang", "gcc", "cc"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if version, err := versionOf(ctx, path, "--version"); err == nil {
			return Compiler{path, version}, nil
		}
	}
	return Compiler{}, errNoCompiler
}

// Build makes a native program, statically where there are libraries for that, and returns its path. What was made
// before of the same source by the same compiler is used again.
func (c Compiler) Build(ctx context.Context, p workloads.ComputeProgram) (string, error) {
	sources, err := p.Sources()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintln(hash, c.Version, nativeFlags, p.Define)
	names := slices.Sorted(maps.Keys(sources))
	for _, name := range names {
		fmt.Fprintf(hash, "%s %x\n", name, sha256.Sum256(sources[name]))
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache directory: %w (set HOME or XDG_CACHE_HOME)", err)
	}
	directory := filepath.Join(cache, "rrbench", "native")
	if err := private.Make(directory); err != nil {
		return "", err
	}
	built := filepath.Join(directory, fmt.Sprintf("%s-%x", p.Name, hash.Sum(nil)[:8]))
	if _, err := os.Stat(built); err == nil {
		return built, nil
	}
	stage, err := private.NewDirectoryIn([]string{directory}, "stage-")
	if err != nil {
		return "", err
	}
	defer stage.Remove()
	arguments := append(slices.Clone(nativeFlags), "-o", "program")
	if p.Define != "" {
		arguments = append(arguments, "-D"+p.Define)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(stage.Path, name), sources[name], 0o600); err != nil {
			return "", err
		}
		if strings.HasSuffix(name, ".c") {
			arguments = append(arguments, name)
		}
	}
	var failed error
	for _, more := range [][]string{{"-static"}, nil} {
		command := exec.CommandContext(ctx, c.Path, slices.Concat(more, arguments, []string{"-lm"})...)
		command.Dir = stage.Path
		output, err := command.CombinedOutput()
		if err == nil {
			return built, os.Rename(filepath.Join(stage.Path, "program"), built)
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %s", filepath.Base(c.Path), child.LastLine(string(output))))
	}
	return "", failed
}

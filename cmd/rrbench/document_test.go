package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

const root = "../.."

// TestDocumentedCommands looks at each command in the pages and in the helps' examples: rrbench
// knows its flags, make its target, and what is cheap runs, sweeps dry.
func TestDocumentedCommands(t *testing.T) {
	texts := make(map[string]string)
	for _, path := range pages(t) {
		texts[filepath.Base(path)] = read(t, path)
	}
	for _, sub := range command().Commands() {
		texts["help of "+sub.Name()] = "```sh\n" + sub.Example + "\n```\n"
	}

	directory := t.TempDir()
	if err := os.Mkdir(filepath.Join(directory, "examples"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(directory, "examples", "sweep.yaml"), read(t, filepath.Join(root, "examples", "sweep.yaml")))
	experiment := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(texts["README.md"])
	write(t, filepath.Join(directory, "experiment.yaml"), experiment[1])
	makefile := read(t, filepath.Join(root, "Makefile"))
	for page, text := range texts {
		for _, line := range commands(text) {
			t.Run(page+"/"+line, func(t *testing.T) {
				words := strings.Fields(line)
				if words[0] == "make" {
					if !strings.Contains(makefile, "\n"+words[1]+":") {
						t.Errorf("the Makefile has no target %s", words[1])
					}
					return
				}
				run(t, directory, words[1:])
			})
		}
	}
}

// run checks the arguments of rrbench, and has it run where that takes a moment.
func run(t *testing.T, directory string, arguments []string) {
	sub, rest, err := command().Find(arguments)
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.ParseFlags(rest); err != nil && err != pflag.ErrHelp {
		t.Fatal(err)
	}
	switch name := sub.Name(); {
	case name == "sweep" && !sub.Flags().Changed("resume"):
		arguments = append(arguments, "--dry-run")
	case !slices.Contains([]string{"list", "doctor", "version"}, name):
		return
	}
	ran := exec.Command(program, arguments...)
	ran.Dir = directory
	if output, err := ran.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

// commands are the lines of a page's code, indented or fenced as sh, that run rrbench or make.
func commands(page string) (found []string) {
	fence := ""
	for line := range strings.Lines(page) {
		if language, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			if fence == "" {
				fence = "```" + language
			} else {
				fence = ""
			}
			continue
		}
		code := fence == "```sh" || fence == "```console" || fence == "" && strings.HasPrefix(line, "    ")
		line, _, _ = strings.Cut(line, " #")
		line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		if code && regexp.MustCompile(`^((bin/)?rrbench|make) [a-z]`).MatchString(line) {
			found = append(found, line)
		}
	}
	return found
}

// TestLinks of the pages lead to files that are there.
func TestLinks(t *testing.T) {
	for _, path := range pages(t) {
		for _, link := range regexp.MustCompile(`\]\(([^):#]+)[^)]*\)`).FindAllStringSubmatch(read(t, path), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), link[1])); err != nil && !strings.HasPrefix(link[1], "http") {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// pages are the paths of what is written about the project.
func pages(t *testing.T) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	return paths
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

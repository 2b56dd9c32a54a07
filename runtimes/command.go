package runtimes

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"rrbench/foreign"
	"rrbench/shim"
	"rrbench/transport"
	"rrbench/workloads"
)

// Command is a runtime with a command line. Words with placeholders are its template: {module} is the path of the module
// (or of what Compile has made of it), {args} are the program's arguments, {script} is the path of Script.
type Command struct {
	Runtime string
	Words   []string
	// Compile is the template of the command that compiles {module} to {compiled}; empty where compiling is no separate
	// step.
	Compile []string
	// Ask is the word that asks the command for its version, in place of --version.
	Ask    string
	Script string
	// Install is how to get it: a command or an address.
	Install string
	// Carries names the runtimes of published studies that it stands for.
	Carries string
	// text is what ParseCommand was given.
	text string
}

// The program by which runtimes of JavaScript run a module with their own WASI.
//
//go:embed wasi.mjs
var wasiScript string

// Commands are the templates that are built in.
func Commands() []Command {
	words := strings.Fields
	return []Command{
		{Runtime: "wasmtime-cli", Words: words("wasmtime run {module} {args}"), Install: "https://wasmtime.dev", Carries: "Lucet, which it has succeeded"},
		{Runtime: "wazero-cli", Words: words("wazero run {module} {args}"), Ask: "version", Install: "go install github.com/tetratelabs/wazero/cmd/wazero@latest"},
		{Runtime: "wasmedge-cli", Words: words("wasmedge run {module} {args}"), Compile: words("wasmedge compile {module} {compiled}"), Install: "https://wasmedge.org", Carries: "SSVM, which was its name"},
		{Runtime: "wasmer-singlepass", Words: words("wasmer run {module} -- {args}"), Compile: words("wasmer compile --singlepass {module} -o {compiled}"), Install: "https://wasmer.io"},
		{Runtime: "wasmer-cranelift", Words: words("wasmer run {module} -- {args}"), Compile: words("wasmer compile --cranelift {module} -o {compiled}"), Install: "https://wasmer.io"},
		{Runtime: "wasmer-llvm", Words: words("wasmer run {module} -- {args}"), Compile: words("wasmer compile --llvm {module} -o {compiled}"), Install: "https://wasmer.io"},
		{Runtime: "wavm", Words: words("wavm run --precompiled {module} {args}"), Compile: words("wavm compile {module} {compiled}"), Ask: "version", Install: "https://github.com/WAVM/WAVM"},
		{Runtime: "iwasm", Words: words("iwasm {module} {args}"), Install: "https://github.com/bytecodealliance/wasm-micro-runtime"},
		{Runtime: "node", Words: words("node --no-warnings {script} {module} {args}"), Script: wasiScript, Install: "apt-get install nodejs", Carries: "V8 with its own WASI"},
		{Runtime: "bun", Words: words("bun {script} {module} {args}"), Script: wasiScript, Install: "npm install -g bun", Carries: "JavaScriptCore with its own WASI"},
		{Runtime: "deno", Words: words("deno run --allow-all {script} {module} {args}"), Script: wasiScript, Install: "https://deno.com"},
	}
}

var commandForm = regexp.MustCompile(`^([a-zA-Z0-9][a-zA-Z0-9._-]{0,40})=(.+)$`)

// ParseCommand reads NAME='COMMAND {module} {args}'. Words are separated by spaces; quotes are not known.
func ParseCommand(text string) (Command, error) {
	parts := commandForm.FindStringSubmatch(text)
	if parts == nil {
		return Command{}, fmt.Errorf("runtime %q: give NAME='COMMAND {module} {args}'", foreign.Line(text, foreign.Usual))
	}
	c := Command{Runtime: parts[1], Words: strings.Fields(parts[2]), Install: "install it, or correct --runtime", text: text}
	switch {
	case !slices.Contains(c.Words, "{module}"):
		return Command{}, fmt.Errorf("runtime %s: its command has no word {module}, the path of the module", c.Runtime)
	case strings.HasPrefix(c.Words[0], "{"):
		return Command{}, fmt.Errorf("runtime %s: its command begins with %s, not with a program", c.Runtime, c.Words[0])
	case c.Runtime == nativeEngine:
		return Command{}, fmt.Errorf("runtime %s: choose another name, this is that of programs without WebAssembly", c.Runtime)
	}
	return c, nil
}

// String is the form that ParseCommand reads.
func (c Command) String() string {
	return cmp.Or(c.text, c.Runtime+"="+strings.Join(c.Words, " "))
}

func (c Command) Name() string     { return c.Runtime }
func (c Command) Launcher() string { return transport.LauncherProcess }
func (c Command) MostIdle() int    { return 10 }

func (c Command) Phases(kind Kind) []string {
	phases := []string{Total}
	if kind == ColdStart {
		phases = []string{Pull, Unpack, Create, FirstByte, Run, Total}
	}
	if c.Compile != nil {
		phases = slices.Insert(phases, len(phases)-1, Compile)
	}
	return phases
}

func (c Command) Programs() []string {
	path, err := exec.LookPath(c.Words[0])
	if err != nil {
		return nil
	}
	return []string{path}
}

// asked bounds what asking a runtime may take.
const asked = 20 * time.Second

func (c Command) Version(ctx context.Context) string {
	line, err := versionOf(ctx, c.Words[0], cmp.Or(c.Ask, "--version"))
	if err != nil || line == "" {
		return "unknown"
	}
	return foreign.Line(line, foreign.Usual)
}

// versionOf is the first line that a program answers.
func versionOf(ctx context.Context, program, question string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, asked)
	defer cancel()
	command := exec.CommandContext(ctx, program, question)
	command.WaitDelay = time.Second
	output, err := command.CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	return strings.TrimSpace(line), err
}

// Check looks for the command and runs a module that does nothing with it. The error contains the command's own message.
func (c Command) Check(ctx context.Context, _ Program) error {
	if _, err := exec.LookPath(c.Words[0]); err != nil {
		return &Unavailable{c.Runtime, c.Words[0] + " is not on PATH", c.Install}
	}
	nop := workloads.ComputePrograms()[0]
	module, err := nop.Module()
	if err != nil {
		return err
	}
	var store Store
	defer store.Close()
	r := Request{Program: Program{Name: nop.Name, Module: module}, Kind: Compute, Deadline: asked, Store: &store}
	if _, err := c.Run(ctx, r); err != nil {
		return &Unavailable{c.Runtime, "a module of WASI preview 1 that does nothing does not run: " + foreign.Error(err), "see " + c.Install}
	}
	return nil
}

// fill fills a template in.
func fill(template []string, values map[string]string, arguments []string) []string {
	var words []string
	for _, word := range template {
		if word == "{args}" {
			words = append(words, arguments...)
			continue
		}
		for name, value := range values {
			word = strings.ReplaceAll(word, name, value)
		}
		words = append(words, word)
	}
	return words
}

func (c Command) Run(ctx context.Context, r Request) (Outcome, error) {
	files, phases, err := r.Store.fetch(r.Name+".wasm", r.Module)
	if err != nil {
		return Outcome{}, err
	}
	defer files.remove()
	values := map[string]string{"{module}": files.path}
	if c.Script != "" {
		values["{script}"] = filepath.Join(files.directory, "wasi.mjs")
		if err := os.WriteFile(values["{script}"], []byte(c.Script), 0o600); err != nil {
			return Outcome{}, err
		}
	}
	var compiled shim.Phase
	if c.Compile != nil {
		values["{compiled}"] = filepath.Join(files.directory, "compiled.wasm")
		step, err := execute(ctx, fill(c.Compile, values, nil), nil, r.Deadline)
		if err != nil {
			return Outcome{}, fmt.Errorf("compile: %w", err)
		}
		compiled = within(Compile, step.began, step.ended, step.usage)
		phases = append(phases, compiled)
		values["{module}"] = values["{compiled}"]
	}
	if r.Idle > 0 {
		return idleProcesses(ctx, r, fill(c.Words, values, []string{"idle"}))
	}
	outcome, err := runProcess(ctx, r, phases, c.Phases(r.Kind), fill(c.Words, values, r.Arguments))
	if err != nil {
		return Outcome{}, err
	}
	outcome.Disk = files.onDisk(c.Programs())
	if c.Compile != nil && r.Kind == ColdStart {
		// Nothing is kept of a module that was never seen.
		outcome.Phases[len(outcome.Phases)-1].Ns += compiled.Ns
	}
	return outcome, nil
}

package catalogue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"rrbench/engines"
	"rrbench/foreign"
)

// SecondProgram is the name of the program that has the engines which are not built into the first,
// beside which it lies: the same program with other build tags. It answers what Answer answers.
const SecondProgram = "rrbench-engines"

// AnswerCommand is the command of the second program that calls Answer.
const AnswerCommand = "engines"

// description describes an engine that is built into the second program.
type description struct {
	Name           string
	Version        string
	Capabilities   engines.Capabilities
	CacheFault     string
	Reason, Remedy string // of what cannot run here, though it is built in
}

// answer is what the second program prints.
type answer struct {
	// Revision is that of the source.
	Revision string
	Engines  []description        `json:",omitempty"`
	Module   *engines.ModuleTypes `json:",omitempty"`
	Error    string               `json:",omitempty"`
	// Lacking is Error's engines.Lacking.
	Lacking engines.Feature `json:",omitempty"`
}

// Answer is the second program's part: without an engine's name it describes the engines that are
// built in, else it compiles the module that it reads and describes that.
func Answer(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	reply := answer{Revision: revision()}
	if name == "" {
		for _, one := range BuiltIn() {
			if reply.Engines = append(reply.Engines, describe(one)); ctx.Err() != nil {
				return ctx.Err()
			}
		}
	} else if err := reply.compile(ctx, name, in); err != nil {
		reply.Error = err.Error()
		if lacking, ok := errors.AsType[*engines.Lacking](err); ok {
			reply.Lacking = lacking.Feature
		}
	}
	return json.NewEncoder(out).Encode(reply)
}

func describe(name string) description {
	found := description{Name: name}
	one, _ := find(name)
	err := one.check()
	var engine engines.Engine
	if err == nil {
		engine, err = one.open("")
	}
	switch unavailable, ok := errors.AsType[*engines.Unavailable](err); {
	case ok:
		found.Reason, found.Remedy = unavailable.Reason, unavailable.Remedy
	case err != nil:
		found.Reason, found.Remedy = err.Error(), "see there"
	default:
		defer engine.Close()
		found.Version, found.Capabilities = engine.Version(), engine.Capabilities()
		if fault := engine.CacheFault(); fault != nil {
			found.CacheFault = fault.Error()
		}
	}
	return found
}

func (a *answer) compile(ctx context.Context, name string, in io.Reader) error {
	wasm, err := io.ReadAll(io.LimitReader(in, engines.MaxModule+1))
	if err != nil {
		return fmt.Errorf("read the module: %w", err)
	}
	found, err := find(name)
	if err != nil {
		return err
	}
	engine, err := found.open("")
	if err != nil {
		return err
	}
	defer engine.Close()
	module, err := engine.Compile(ctx, wasm)
	if err != nil {
		return err
	}
	defer module.Close()
	a.Module = &engines.ModuleTypes{Imported: module.Imports(), Exported: module.Exports(), ShowsMemory: module.ExportsMemory()}
	return nil
}

// revision is the commit that the program was built from; empty where it does not know.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return ""
}

// other is the second program as this one knows it.
type other struct {
	path    string
	engines []description
	// fault is the reason if there is none.
	fault error
}

var errNowhere = errors.New("no program has it")

// second looks for the second program once.
var second = sync.OnceValue(func() *other {
	self, err := os.Executable()
	if err != nil || filepath.Base(self) == SecondProgram {
		return &other{fault: errNowhere}
	}
	return ask(filepath.Join(filepath.Dir(self), SecondProgram))
})

// A second program that does not answer in time is none. It opens each engine, or compiles a module.
const (
	describeTimeout = 30 * time.Second
	compileTimeout  = 5 * time.Minute
)

// SecondPath is where the second program is, if it is there.
func SecondPath() string { return second().path }

// CheckSecond returns nil when there is a second program that answers.
func CheckSecond() error { return second().fault }

func ask(path string) *other {
	found := &other{path: path}
	if _, err := os.Stat(path); err != nil {
		found.fault = err
		return found
	}
	ctx, cancel := context.WithTimeout(context.Background(), describeTimeout)
	defer cancel()
	reply, err := found.run(ctx, nil)
	if err == nil && reply.Revision != revision() {
		err = fmt.Errorf("%s is of another version than this program", path)
	}
	found.engines, found.fault = reply.Engines, err
	return found
}

// run runs the second program and reads its answer, which is treated as foreign text.
func (o *other) run(ctx context.Context, module io.Reader, arguments ...string) (reply answer, err error) {
	command := exec.CommandContext(ctx, o.path, append([]string{AnswerCommand}, arguments...)...)
	var out, complaint bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = module, &out, &complaint
	command.WaitDelay = time.Second
	if err = command.Run(); err == nil {
		err = json.Unmarshal(out.Bytes(), &reply)
	}
	if err != nil {
		line, _, _ := strings.Cut(complaint.String(), "\n")
		err = fmt.Errorf("%s cannot be used: %w: %s", o.path, err, foreign.Line(line, foreign.Usual))
	}
	return reply, err
}

// open is the engine as the second program has it; notBuilt is the error where it does not.
func (o *other) open(name string, notBuilt error) (engines.Engine, error) {
	if o.fault != nil {
		if unavailable, ok := errors.AsType[*engines.Unavailable](notBuilt); ok && !errors.Is(o.fault, fs.ErrNotExist) && !errors.Is(o.fault, errNowhere) {
			return nil, &engines.Unavailable{Engine: name, Reason: o.fault.Error(), Remedy: unavailable.Remedy}
		}
		return nil, notBuilt
	}
	for _, d := range o.engines {
		if d.Name != name {
			continue
		}
		if d.Reason != "" {
			return nil, &engines.Unavailable{Engine: name, Reason: d.Reason, Remedy: d.Remedy}
		}
		return remote{o, d}, nil
	}
	return nil, notBuilt
}

// remote is an engine of the second program.
type remote struct {
	*other
	description
}

func (r remote) Name() string                       { return r.description.Name }
func (r remote) Version() string                    { return r.description.Version }
func (r remote) Capabilities() engines.Capabilities { return r.description.Capabilities }
func (r remote) Close() error                       { return nil }

func (r remote) CacheFault() error {
	if r.description.CacheFault == "" {
		return nil
	}
	return errors.New(r.description.CacheFault)
}

func (r remote) Compile(ctx context.Context, wasm []byte) (engines.Module, error) {
	ctx, cancel := context.WithTimeout(ctx, compileTimeout)
	defer cancel()
	reply, err := r.run(ctx, bytes.NewReader(wasm), r.description.Name)
	switch {
	case err != nil:
		return nil, err
	case reply.Lacking != "":
		return nil, &engines.Lacking{Engine: r.description.Name, Feature: reply.Lacking}
	case reply.Error != "" || reply.Module == nil:
		return nil, errors.New(foreign.Line(reply.Error, foreign.Usual))
	}
	return remoteModule{r, reply.Module}, nil
}

// remoteModule is known by its types alone.
type remoteModule struct {
	engine remote
	*engines.ModuleTypes
}

func (remoteModule) Close() error { return nil }

func (m remoteModule) Instantiate(context.Context, engines.InstanceConfig) (engines.Instance, error) {
	return nil, fmt.Errorf("engine %s runs in %s, not in this program", m.engine.description.Name, m.engine.path)
}

package task

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/containerd/containerd/api/types/runtimeoptions/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Annotations of a container.
const (
	// EngineAnnotation names the engine. Without it the runtime option does, or it is DefaultEngine.
	EngineAnnotation = "roadrunner/engine"
	// ControlAnnotation makes the container a host of functions for a driver, whose user number must be
	// its value, or 0; see ControlSocket.
	ControlAnnotation = "roadrunner/control"

	sandboxAnnotation   = "io.kubernetes.cri.sandbox-id"
	containerAnnotation = "io.kubernetes.cri.container-type"

	// DefaultEngine runs functions that name none.
	DefaultEngine = "wasmtime"
)

// readFunction describes a container's function for its host.
func readFunction(id string, spec *specs.Spec, given *anypb.Any) (*Function, error) {
	user := spec.Process.User
	f := &Function{ID: id, Engine: spec.Annotations[EngineAnnotation], Arguments: spec.Process.Args, Environment: spec.Process.Env,
		UID: user.UID, GID: user.GID, Groups: user.AdditionalGids}
	if driver, ok := spec.Annotations[ControlAnnotation]; ok {
		number, err := strconv.ParseUint(driver, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("annotation %s=%.40q: give the driver's user number", ControlAnnotation, driver)
		}
		f.Control, f.Driver = true, uint32(number)
	}
	if f.Engine == "" && strings.HasSuffix(given.GetTypeUrl(), "runtimeoptions.v1.Options") {
		var err error
		if f.Engine, err = engineOf(given.GetValue()); err != nil {
			return nil, fmt.Errorf("read the runtime options: %w", err)
		}
	}
	f.Engine = cmp.Or(f.Engine, DefaultEngine)
	return f, nil
}

// engineOf reads the runtime options, a YAML text or file that containerd's configuration gives
// (ConfigBody, ConfigPath) or ctr --runtime-config-path.
func engineOf(encoded []byte) (string, error) {
	var message runtimeoptions.Options
	if err := proto.Unmarshal(encoded, &message); err != nil {
		return "", err
	}
	text := message.GetConfigBody()
	if len(text) == 0 && message.GetConfigPath() != "" {
		var err error
		if text, err = os.ReadFile(message.GetConfigPath()); err != nil {
			return "", err
		}
	}
	var options struct{ Engine string }
	err := yaml.Unmarshal(text, &options)
	return options.Engine, err
}

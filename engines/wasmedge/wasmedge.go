//go:build cgo && linux && amd64 && (wasmer || v8 || wasmedge)

package wasmedge

// #cgo CFLAGS: -I${SRCDIR}/../internal/bridge
// #cgo LDFLAGS: -ldl -pthread
// #include <stdlib.h>
// #include "wasmedge.h"
import "C"

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"rrbench/engines"
	"rrbench/engines/internal/bridge"
	"rrbench/foreign"
)

const (
	// library is the name under which WasmEdge's library lies where the loader looks (ld.so(8)).
	library = "libwasmedge.so.0"
	// oldest is the first version 0.N with this interface.
	oldest = 14
	remedy = "install WasmEdge 0.14 or later, https://wasmedge.org/docs/start/install, or say where it is: LD_LIBRARY_PATH=DIRECTORY"
)

// loaded has the version of the library, which a process loads once.
var loaded = sync.OnceValues(func() (version string, err error) {
	places := []string{library, "/usr/local/lib/" + library, "/usr/local/lib64/" + library}
	if home, err := os.UserHomeDir(); err == nil {
		// Where WasmEdge's own installer puts it.
		places = append(places, filepath.Join(home, ".wasmedge", "lib", library))
	}
	for _, place := range places {
		reason := load(place)
		if reason == "" {
			return checkVersion()
		}
		// One that is there and cannot be loaded is the one that was meant.
		if !strings.Contains(reason, "No such file") {
			return "", unavailable(foreign.Line(reason, foreign.Usual))
		}
	}
	return "", unavailable(library + " is not found")
})

func load(place string) (reason string) {
	path := C.CString(place)
	defer C.free(unsafe.Pointer(path))
	if fault := C.wasmedge_load(path); fault != nil {
		return C.GoString(fault)
	}
	return ""
}

func checkVersion() (version string, err error) {
	var major, minor C.int
	version = C.GoString(C.wasmedge_version(&major, &minor))
	if major != 0 || minor < oldest {
		return "", unavailable(fmt.Sprintf("%s is of version %s, which has another interface", library, foreign.Line(version, foreign.Usual)))
	}
	return version, nil
}

// start begins what a process has one of. It compiles a little, so Check does without.
var start = sync.OnceValue(func() error {
	if !C.wasmedge_start() {
		return unavailable("its library has no compiler, or does not run here")
	}
	return nil
})

func unavailable(reason string) error {
	return &engines.Unavailable{Engine: Name, Reason: reason, Remedy: remedy}
}

// Check returns nil when the engine can run here, else an *engines.Unavailable.
func Check() error {
	if _, err := loaded(); err != nil {
		return err
	}
	return engines.CheckAddressSpace(Name, 1)
}

// New makes an engine that keeps the code of large modules below cacheDir, or below the
// user's cache directory when cacheDir is empty.
func New(cacheDir string) (engines.Engine, error) {
	version, err := loaded()
	if err == nil {
		err = start()
	}
	if err != nil {
		return nil, err
	}
	return bridge.Open(bridge.Config{
		Name:    Name,
		Version: version,
		Capabilities: engines.Capabilities{
			StableBase:             true,
			PrivateAnonymousMemory: true,
			KeepsCode:              true,
			CompilesToFiles:        true,
		},
		Backend:  unsafe.Pointer(C.wasmedge_backend()),
		Lenient:  true,
		CacheDir: cacheDir,
		Causes:   causes,
	})
}

// causes has WasmEdge's words, and those of the other engines, where they differ.
var causes = [][2]string{
	{"call stack exhausted", "stack overflow"},
	{"uninitialized element", "indirect call to null"},
	{"undefined element", "out of bounds table access"},
}

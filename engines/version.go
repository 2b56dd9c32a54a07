package engines

import (
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
)

// UnknownVersion is the version of a library that this program does not know.
const UnknownVersion = "unknown"

// LibraryVersion is the version of the Go module path that is linked into this program.
// A test's program lacks the list of modules; there it is taken from the source file of
// function, which is one of the module's.
func LibraryVersion(path string, function any) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if dependency.Path != path {
				continue
			}
			if dependency.Replace != nil {
				return dependency.Replace.Version
			}
			return dependency.Version
		}
	}
	entry := reflect.ValueOf(function).Pointer()
	file, _ := runtime.FuncForPC(entry).FileLine(entry)
	_, rest, found := strings.Cut(file, path+"@")
	if version, _, ok := strings.Cut(rest, "/"); found && ok {
		return version
	}
	return UnknownVersion
}

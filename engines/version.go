package engines

import "runtime/debug"

// LibraryVersion is the version of a Go module that is linked into this program, or
// "unknown" when the program was built without that information.
func LibraryVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dependency := range info.Deps {
		if dependency.Path != path {
			continue
		}
		if dependency.Replace != nil {
			return dependency.Replace.Version
		}
		return dependency.Version
	}
	return "unknown"
}

package payloads

import (
	"fmt"
	"strings"
)

// Kinds lists every kind, the default one first.
func Kinds() []Kind { return []Kind{Text, Records, Bytes} }

// ParseKind returns the kind of that name.
func ParseKind(name string) (Kind, error) {
	names := make([]string, 0, 3)
	for _, kind := range Kinds() {
		if string(kind) == name {
			return kind, nil
		}
		names = append(names, string(kind))
	}
	return "", fmt.Errorf("payload %q is unknown: use %s", name, strings.Join(names, ", "))
}

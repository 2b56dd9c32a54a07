package engines

import (
	"fmt"
	"slices"
	"strings"
)

// Resolve picks the host function for each import, in the order of imports. A name may be
// offered several times with different signatures: the one that the module declares is
// taken. The error names every import that the host does not offer.
func Resolve(imports []FunctionType, offered []HostFunction) ([]HostFunction, error) {
	byPath := make(map[string][]*HostFunction, len(offered))
	for i := range offered {
		path := offered[i].Module + "." + offered[i].Name
		byPath[path] = append(byPath[path], &offered[i])
	}
	resolved := make([]HostFunction, len(imports))
	var missing []string
	for i, wanted := range imports {
		candidates := byPath[wanted.Path()]
		fitting := slices.IndexFunc(candidates, func(h *HostFunction) bool { return h.SameSignature(wanted) })
		switch {
		case fitting >= 0:
			resolved[i] = *candidates[fitting]
		case len(candidates) > 0:
			have := candidates[0].FunctionType
			have.ImportModule = candidates[0].Module
			missing = append(missing, fmt.Sprintf("%s, which the host offers as %s", wanted, have))
		default:
			missing = append(missing, wanted.String())
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("the host has no function for the import %s; offer it or build the module without it", strings.Join(missing, "; "))
	}
	return resolved, nil
}

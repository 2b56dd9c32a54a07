package sweep

import (
	"embed"
	"path"
)

const mib = 1 << 20

// presets are configuration files like a user's own. What stands above the experiments of one
// is what they share, and what a sweep without experiments falls back to.
//
//go:embed presets/*.yaml
var presets embed.FS

// Presets lists the names of the presets, the shortest one first.
func Presets() []string { return []string{"smoke", "quick", "paper"} }

func preset(name string) (Config, error) {
	file := path.Join("presets", name+".yaml")
	content, err := presets.ReadFile(file)
	if err != nil {
		return Config{}, presetNames.check("preset", name)
	}
	c, err := ParseConfig(file, content, Parameters(nil))
	// What the user can change are the flags.
	c.from = nil
	for i := range c.Experiments {
		c.Experiments[i].from = nil
	}
	return c, err
}

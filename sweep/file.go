package sweep

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"rrbench/foreign"
	"rrbench/inputs"
)

const longestConfig = 1 << 20

// ReadConfig reads a YAML file with these parameters as keys.
func ReadConfig(ctx context.Context, path string, table []*Parameter) (Config, *inputs.File, error) {
	file, err := inputs.Kind{Most: longestConfig}.Read(ctx, path)
	if err != nil {
		return Config{}, nil, unread(ctx, fmt.Errorf("config file %s: %w", path, err), "--config")
	}
	c, err := ParseConfig(path, file.Content, table)
	return c, file, err
}

// ParseConfig parses YAML text. The error is a *UsageError with the path, the line, the key and what is expected.
func ParseConfig(path string, content []byte, table []*Parameter) (Config, error) {
	r := reader{"config file " + path, OfRun, table}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return Config{}, usage("%s: it is empty", r.name)
	} else if err != nil {
		return Config{}, r.broken(err)
	}
	if err := decoder.Decode(&second); err == nil {
		return Config{}, r.fault(&second, "a second document begins: give one")
	} else if !errors.Is(err, io.EOF) {
		return Config{}, r.broken(err)
	}
	return r.read(first.Content[0])
}

type reader struct {
	name string
	// scope is the widest scope that a key may have here.
	scope Scope
	table []*Parameter
}

func (r reader) fault(at *yaml.Node, format string, arguments ...any) error {
	return usage("%s: %s", r.place(at), fmt.Sprintf(format, arguments...))
}

func (r reader) place(at *yaml.Node) string { return fmt.Sprintf("%s, line %d", r.name, at.Line) }

func (r reader) broken(err error) error {
	if several, ok := errors.AsType[*yaml.TypeError](err); ok {
		err = errors.New(several.Errors[0])
	}
	message := strings.TrimPrefix(foreign.Error(err), "yaml: ")
	if strings.HasPrefix(message, "line ") {
		return usage("%s, %s", r.name, message)
	}
	return usage("%s: %s", r.name, message)
}

func (r reader) read(mapping *yaml.Node) (c Config, err error) {
	mapping = resolved(mapping)
	if mapping.Kind != yaml.MappingNode {
		return c, r.fault(mapping, "give keys with values, such as reps: 5")
	}
	// This finds duplicate keys, and follows merge keys.
	var values map[string]yaml.Node
	if err := mapping.Decode(&values); err != nil {
		return c, r.broken(err)
	}
	keys := make(map[string]*yaml.Node, len(values))
	for name, value := range values {
		keys[name] = &yaml.Node{Value: name, Line: value.Line}
	}
	for i := 0; i < len(mapping.Content); i += 2 {
		if key := mapping.Content[i]; key.ShortTag() != "!!merge" {
			keys[key.Value] = key
		}
	}
	inOrder := func(a, b *yaml.Node) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Value, b.Value)) }
	for _, key := range slices.SortedFunc(maps.Values(keys), inOrder) {
		value := values[key.Value]
		if key.Value == "experiments" && r.scope == OfRun {
			c.Experiments, err = r.experiments(resolved(&value))
		} else {
			err = r.set(&c, key, resolved(&value))
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func (r reader) experiments(list *yaml.Node) ([]Experiment, error) {
	if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		return nil, r.fault(list, "experiments: give a list of at least one")
	}
	name := &Parameter{Name: "name", kind: text("text", 100), at: func(c *Config) any { return &c.name }}
	r.scope, r.table = OfTransports, append(slices.Clip(r.table), name)
	experiments := make([]Experiment, len(list.Content))
	for i, one := range list.Content {
		c, err := r.read(one)
		if err != nil {
			return nil, err
		}
		experiments[i] = Experiment{c.name, c.Axes}
	}
	return experiments, nil
}

func (r reader) set(c *Config, key, value *yaml.Node) error {
	i := slices.IndexFunc(r.table, func(p *Parameter) bool { return p.Name == key.Value })
	if i < 0 {
		return r.fault(key, "unknown key %q: give the flags of rrbench sweep, or experiments", key.Value)
	}
	p, nodes := r.table[i], []*yaml.Node{value}
	switch {
	case p.Scope == OfCommand:
		return r.fault(key, "%s belongs on the command line: give --%s", p.Name, p.Name)
	case p.Scope > r.scope:
		return r.fault(key, "%s is one for all experiments: give it above them", p.Name)
	case p.List() && value.Kind == yaml.SequenceNode:
		nodes = value.Content
	case p.List():
		return r.fault(key, "%s: give a list, such as [a, b], each %s", p.Name, p.expects())
	}
	if len(nodes) == 0 {
		return r.fault(key, "%s is empty: give %s", p.Name, p.expects())
	}
	for _, node := range nodes {
		node = resolved(node)
		text, tag := node.Value, node.ShortTag()
		if p.List() {
			text = strings.TrimSpace(text)
		}
		if node.Kind != yaml.ScalarNode || tag == "!!null" {
			return r.fault(node, "%s: give %s", p.Name, p.expects())
		}
		if err := p.set(c, p.Name, text); err != nil {
			return r.fault(node, "%v", err)
		}
		if node.Style&yaml.TaggedStyle != 0 || p.tag != "" && tag != p.tag {
			return r.fault(node, "%s %q: give %s, without quotes or a tag", p.Name, text, p.expects())
		}
	}
	if c.from == nil {
		c.from = make(map[string]string)
	}
	c.from[p.Name] = r.place(key)
	return nil
}

func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

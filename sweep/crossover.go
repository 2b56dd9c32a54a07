package sweep

import (
	"slices"

	"rrbench/transport"
)

// parameterFor is a cell's parameter: its value, but for a transport that chooses by
// size the crossover in bytes, wherever that comes from. So both ends of a hand-off, and a
// run that is resumed elsewhere or later, have the same.
func (m Machine) parameterFor(info transport.Info, value, engine string) string {
	choice := info.Crossover()
	if choice == nil {
		return value
	}
	switch value {
	case "":
		from, _ := m.Crossovers.InUse(info, engine)
		return choice.StartAt(from)
	case transport.BuiltIn:
		return choice.StartAt(choice.Default)
	}
	return value
}

// noteCrossovers writes down where the crossovers come from, and why not from a file that
// is there.
func (p *Plan) noteCrossovers(experiments []Experiment, machine Machine) {
	var given, looked bool
	for _, t := range machine.Transports {
		info := t.Info()
		if info.Crossover() == nil || !slices.ContainsFunc(p.Cells, func(c PlannedCell) bool { return c.Transport == info.Name }) {
			continue
		}
		for _, e := range experiments {
			if e.given(info) == "" {
				looked = true
			} else {
				given = true
			}
		}
	}
	switch {
	case looked:
		p.Crossovers = machine.Crossovers.Origin()
		if machine.Crossovers.Warning != "" {
			p.Warnings = append(p.Warnings, machine.Crossovers.Warning)
		}
	case given:
		p.Crossovers = "given"
	}
}

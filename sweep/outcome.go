package sweep

import (
	"context"
	"time"

	"rrbench/results"
	"rrbench/transport"
)

// Outcome is what a run leaves for its user.
type Outcome struct {
	Directory string
	// Files are those that the run has written there.
	Files     []string
	Summaries []results.Summary
	// Transports is what the manifest says of them.
	Transports results.Transports
	Warnings   []string
	SetUps     results.SetUps
	// Measured is the part of Took that went by in warm-ups, windows and rounds.
	Measured, Took time.Duration
	// Failed counts the cells with a failed trial.
	Failed int
	// Missing names the cells of which planned hand-offs have no row, one line each.
	Missing []string
}

// Planned is a plan that is not carried out.
type Planned struct {
	*Plan
	Infos map[string]transport.Info
	// Out is where the results would go.
	Out string
}

// Memory estimates a cell's peak memory in bytes.
func (p *Planned) Memory(cell PlannedCell) int64 { return memoryOf(p.Infos[cell.mechanism()], cell) }

// Preview plans a request and measures nothing.
func Preview(ctx context.Context, request Request) (*Planned, error) {
	machine, err := request.machine(ctx)
	if err != nil {
		return nil, err
	}
	defer machine.close()
	s, err := planOf(ctx, request, &machine)
	if err != nil {
		return nil, err
	}
	if s.out == "" {
		s.out = results.DefaultPath(time.Now(), s.plan.name())
	}
	return &Planned{s.plan, byName(machine.Transports), s.out}, nil
}

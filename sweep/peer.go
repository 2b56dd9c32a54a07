package sweep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"rrbench/foreign"
	"rrbench/measure/offset"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

const inter = transport.PlacementInter

// Peer is another node, on which targets run.
type Peer interface {
	Launcher(transport.Info) shim.Launcher
	// Lacks returns why a transport or an engine cannot run there, empty where both can.
	Lacks(info transport.Info, engine string) string
	Memory() int64
	// Reach makes sure that the node is there. An error that cannot be mended comes back at each call.
	Reach(context.Context) error
	// Clock estimates the difference of the clocks, which takes some milliseconds.
	Clock(context.Context) (offset.Estimate, error)
	Facts() results.Peer
	Close() error
}

// PeerVariable is the environment variable with the lines of peers, used where the flag is not given.
const PeerVariable = "RRBENCH_PEER"

// awaitingPeer is the reason of a cell that is skipped because it needs another node. A run that is resumed with one measures it.
const awaitingPeer = lacking + "no second node was given: run rrbench agent there, and rrbench sweep --resume DIR --peer JOIN here"

func (p *Plan) awaitPeers(machine Machine) {
	for i := range p.Cells {
		if cell := &p.Cells[i]; len(machine.Peers) == 0 && cell.Placement == inter && cell.Skip == "" {
			cell.Skip = awaitingPeer
		}
	}
}

func (c *PlannedCell) awaitsPeer() bool { return c.Skip == awaitingPeer }

func (p *Plan) takeUp(machine Machine) {
	for i := range p.Cells {
		cell := &p.Cells[i]
		if !cell.awaitsPeer() {
			continue
		}
		cell.Skip, p.Stopped = machine.reasonToSkip(*cell), ""
	}
	p.chooseTwice(byName(machine.Transports))
}

func (r *Request) peerLines() []string {
	if r.Flags.Peer != nil {
		return r.Flags.Peer
	}
	return strings.Fields(os.Getenv(PeerVariable))
}

func (r *Request) joinPeers(ctx context.Context, machine *Machine) error {
	lines := r.peerLines()
	switch {
	case len(machine.Peers) > 0:
		return nil
	case len(lines) == 0 || r.Join == nil:
		return usage("placement inter needs a second node: run rrbench agent there, and give the line that it prints with --peer or in %s", PeerVariable)
	}
	for _, line := range lines {
		peer, err := r.Join(ctx, line)
		if err != nil {
			return usage("%s (--peer)", foreign.Error(err))
		}
		machine.Peers = append(machine.Peers, peer)
	}
	return nil
}

func (m *Machine) close() error {
	var errs []error
	if m.CloseLaunchers != nil {
		errs = append(errs, m.CloseLaunchers())
	}
	for _, peer := range m.Peers {
		errs = append(errs, peer.Close())
	}
	m.Peers = nil
	return errors.Join(errs...)
}

func (m *Machine) facts() (all []results.Peer) {
	for _, peer := range m.Peers {
		all = append(all, peer.Facts())
	}
	return all
}

func (m *Machine) lacking(info transport.Info, cell PlannedCell) string {
	if !info.Across {
		return info.Name + " does not leave its host"
	}
	for i, peer := range m.Peers[:min(len(m.Peers), cell.Fanout)] {
		if reason := peer.Lacks(info, cell.runtime()); reason != "" {
			return reason
		}
		targets := int64(cell.Fanout-i+len(m.Peers)-1) / int64(len(m.Peers))
		need := targets * (int64(cell.Concurrency*info.CopiesPerTarget)*cell.SizeBytes + processMemory)
		if need > peer.Memory() {
			return fmt.Sprintf("its targets need about %v of memory, and %v are free at their node", Size(need), Size(peer.Memory()))
		}
	}
	return ""
}

func (m *Machine) peersOf(cell PlannedCell) []Peer {
	if cell.Placement != inter {
		return nil
	}
	return m.Peers
}

func (m *Machine) reach(ctx context.Context, cell PlannedCell) error {
	for _, peer := range m.peersOf(cell) {
		if err := peer.Reach(ctx); err != nil {
			return err
		}
	}
	return nil
}

type clocks struct {
	peers []Peer
	// estimates are those of each peer, nil after one that failed.
	estimates [][]offset.Estimate
}

func newClocks(peers []Peer) *clocks { return &clocks{peers, make([][]offset.Estimate, len(peers))} }

// read reads the clock of each peer, between batches. Rows after a failure have acknowledged latencies.
func (c *clocks) read(ctx context.Context) {
	for i, peer := range c.peers {
		if e, err := peer.Clock(ctx); err == nil {
			c.estimates[i] = append(c.estimates[i], e)
		} else {
			c.estimates[i] = nil
		}
	}
}

// boundShare is how many times the clocks' bound a latency must be, to be taken by the clocks.
const boundShare = 20

// translate corrects the latencies of a batch, whose moments are of two clocks. It subtracts the clocks' offset where the
// bound of that is small beside each latency and all moments are in order afterwards; else latencies last until the source
// received the acknowledgement.
func (c *clocks) translate(trials []results.Trial, acknowledged []int64) {
	if len(c.estimates) == 0 { // all share one clock
		return
	}
	lines := make([]offset.Line, len(c.estimates))
	known := true
	for i, estimates := range c.estimates {
		if len(estimates) < 2 { // before the batch and after it
			known = false
			continue
		}
		lines[i] = offset.Fit(estimates)
	}
	shifted := slices.Clone(trials)
	for i := range shifted {
		row := &shifted[i]
		if row.Status != results.OK || !known {
			continue
		}
		line := lines[row.Target%len(lines)]
		off := line.Offset(row.T0)
		row.Clock, row.ClockBound = results.ClockOffset, line.Bound
		row.Latency, row.Consumed, row.Transfer = row.Latency-off, row.Consumed-off, row.Transfer-off
		known = line.Bound*boundShare <= row.Latency && row.Transfer >= 0 && row.Consumed <= acknowledged[i]
	}
	if known {
		copy(trials, shifted)
		return
	}
	for i := range trials {
		if row := &trials[i]; row.Status == results.OK {
			row.Latency, row.Consumed = acknowledged[i], acknowledged[i]
			row.Transfer = row.Latency - row.Serialize - row.CopyOut - row.CopyIn - row.Deserialize
			row.Clock = results.ClockAcknowledged
			if len(c.estimates[row.Target%len(lines)]) > 0 {
				row.ClockBound = lines[row.Target%len(lines)].Bound
			}
		}
	}
}

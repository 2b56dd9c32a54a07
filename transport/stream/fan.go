package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/transport"
)

// Fan is a source's connections to all targets of a route. One goroutine at a time may
// use it.
type Fan struct {
	links []*link

	// Each link sends on a goroutine of its own, unless the fan is serial. They read payload, flags
	// and handoff.
	pool    *transport.Pool
	serial  bool
	payload []byte
	flags   flags
	handoff *transport.Handoff
	// send sends to one target; it is made once, so that sending allocates nothing.
	send func(i int)

	// Of references: the frame, the same for all targets but for its sequence number, the
	// control message beside it, and what targets have released.
	frame, control []byte
	released       []uint64
}

// OpenFan connects to every endpoint. When one cannot be reached, none stays connected.
func OpenFan(ctx context.Context, endpoints []transport.Endpoint, options FanOptions) (*Fan, error) {
	if len(endpoints) == 0 {
		return nil, errors.New("open a route: it needs at least one target")
	}
	if options.NewWriter == nil {
		options.NewWriter = func() (Writer, error) { return NewCopying(), nil }
	}
	setup := transport.Setup{Serial: options.Serial}
	fan := &Fan{pool: setup.Pool(len(endpoints)), serial: options.Serial}
	fan.send = func(i int) {
		fan.links[i].deliver(fan.flags, fan.payload, fan.handoff.Start, &fan.handoff.Deliveries[i])
	}
	for i, endpoint := range endpoints {
		l, err := openLink(ctx, endpoint, options)
		if err != nil {
			_ = fan.Close()
			return nil, fmt.Errorf("open a route to target %d at %s: %w", i, endpoint.Address, err)
		}
		fan.links = append(fan.links, l)
	}
	return fan, nil
}

// Send hands the payload to every target, all started together or one after the other, and
// returns when each has acknowledged or failed. The caller has set handoff.Start, which becomes the start of
// every delivery; Send fills handoff.Deliveries. A connection that cannot be brought back
// into step is closed; Send reports how many were closed now: of those the kernel may
// still refer to the payload's memory when the writer does not copy.
func (f *Fan) Send(payload []byte, handoff *transport.Handoff) (closed int) {
	return f.sendAll(0, payload, handoff)
}

// SendBeside is Send for payloads whose bytes go through the sockets although there are rings, which
// carry the rest.
func (f *Fan) SendBeside(payload []byte, handoff *transport.Handoff) (closed int) {
	return f.sendAll(beside, payload, handoff)
}

func (f *Fan) sendAll(flags flags, payload []byte, handoff *transport.Handoff) (closed int) {
	handoff.Resize(len(f.links))
	before := f.closedLinks()
	f.flags, f.payload, f.handoff = flags, payload, handoff
	f.pool.Run(f.send)
	f.payload, f.handoff = nil, nil
	return f.closedLinks() - before
}

func (f *Fan) closedLinks() (n int) {
	for _, l := range f.links {
		if l.broken != nil {
			n++
		}
	}
	return n
}

// Close ends all connections.
func (f *Fan) Close() error {
	f.pool.Close()
	var errs []error
	for _, l := range f.links {
		errs = append(errs, l.close())
	}
	f.links = nil
	return errors.Join(errs...)
}

// link is one connection to one target.
type link struct {
	socket *socket
	writer Writer
	// awaiter is the writer if that is one.
	awaiter  Awaiter
	deadline time.Duration
	sequence uint64
	header   [headerSize]byte
	in       [envelopeSize + transport.DeliveryLimit]byte
	// broken is why the connection was closed.
	broken error

	// Of a reference under way: whether its acknowledgement is awaited, and until when.
	awaited bool
	until   int64
	// resent: the bytes were sent in the reference's place.
	resent bool
	// What the last acknowledgement said about references.
	held     bool
	released uint64
}

func openLink(ctx context.Context, endpoint transport.Endpoint, options FanOptions) (*link, error) {
	if endpoint.Transport != options.Transport {
		return nil, fmt.Errorf("it is a target of %q, not of %q", endpoint.Transport, options.Transport)
	}
	s, err := dial(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	writer, err := options.NewWriter()
	if err != nil {
		s.close()
		return nil, err
	}
	awaiter, _ := writer.(Awaiter)
	l := &link{socket: s, writer: writer, awaiter: awaiter, deadline: max(options.Deadline, dialDeadline)}
	if options.Ring != 0 {
		err = l.openRing(options.Ring)
	}
	if err == nil {
		err = l.prepare(ctx, options.Preparation)
	}
	if l.deadline = options.Deadline; err == nil {
		err = s.setTimeout(l.deadline)
	}
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// prepare has the target do what takes time before the first payload.
func (l *link) prepare(ctx context.Context, with []byte) error {
	if with == nil {
		return nil
	}
	if err := l.socket.setTimeout(l.deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, l.socket.Interrupt)
	var d transport.Delivery
	l.deliver(preparation, with, 0, &d)
	if !stop() {
		return ctx.Err()
	}
	if d.Err != nil {
		return fmt.Errorf("prepare the target: %w", d.Err)
	}
	return nil
}

func (l *link) close() error {
	if l.socket == nil {
		return nil
	}
	l.socket.close()
	l.socket = nil
	return l.writer.Close()
}

// deliver hands over one payload, or a preparation. It allocates nothing unless it fails.
func (l *link) deliver(flags flags, payload []byte, start int64, d *transport.Delivery) {
	if !l.begin(payload, start, d) {
		return
	}
	header{flags: flags, sequence: l.sequence, length: uint64(len(payload))}.encode(&l.header)
	if err := l.write(flags, payload, momentAfter(l.deadline)); err != nil {
		l.abort(d, fmt.Errorf("send the payload: %w%s", err, l.targetError()))
		return
	}
	// The target reads, allocates and runs its handler in the meantime.
	if err := l.socket.readAnswer(l.in[:answerSize], momentAfter(l.deadline)); err != nil {
		l.abort(d, fmt.Errorf("wait for the target's acknowledgement: %w", err))
		return
	}
	if l.conclude(d) == statusSendBytes {
		l.abort(d, fmt.Errorf("the target wants the bytes that it was sent: %w", d.Err))
	}
	if l.awaiter == nil || l.broken != nil {
		return
	}
	if err := l.awaiter.AwaitCompletion(l.socket.fd, momentAfter(l.deadline)); err != nil {
		l.abort(d, fmt.Errorf("wait for the kernel to let go of the payload: %w", err))
	}
}

// write sends the header and the payload.
func (l *link) write(flags flags, payload []byte, until int64) error {
	if flags&beside == 0 {
		return l.writer.Write(l.socket.fd, l.header[:], payload, until)
	}
	if err := l.writer.Write(l.socket.fd, l.header[:], nil, until); err != nil {
		return err
	}
	return writeFull(l.socket.fd, payload, until)
}

// begin starts a hand-off: false when it has failed already.
func (l *link) begin(payload []byte, start int64, d *transport.Delivery) bool {
	*d = transport.Delivery{Timeline: transport.Timeline{Start: start, Serialized: start, CopiedOut: start}}
	l.held, l.resent = false, false
	if l.broken != nil {
		d.Err = fmt.Errorf("the connection to this target was closed after an earlier failure: %w", l.broken)
		return false
	}
	if len(payload) == 0 {
		d.Err = errors.New("send the payload: it is empty")
		return false
	}
	l.sequence++
	return true
}

// conclude takes in the answer of which the first answerSize bytes were read.
func (l *link) conclude(d *transport.Delivery) status {
	acknowledged := measure.Now()
	e, text, err := parseAnswer(l.in[:])
	if err == nil && e.sequence != l.sequence && e.status != statusMalformed {
		err = fmt.Errorf("the answer to hand-off %d came instead of that to %d", e.sequence, l.sequence)
	}
	if err == nil && text > 0 {
		err = l.socket.readFull(l.in[answerSize:answerSize+text], momentAfter(l.deadline))
	}
	if err == nil {
		err = d.Answer(l.in[envelopeSize : answerSize+text])
	}
	if err != nil {
		l.abort(d, err)
		return statusMalformed
	}
	d.Timeline.Acknowledged = acknowledged
	l.held, l.released = e.held, e.released
	if d.Err != nil {
		d.Err = fmt.Errorf("the target failed: %w", d.Err)
	} else if e.status != statusConsumed {
		d.Err = errors.New("the target failed and does not say why")
	}
	if e.status == statusMalformed {
		l.abort(d, d.Err)
	}
	return e.status
}

// abort closes the connection. On TCP the closing is a reset (SO_LINGER with time 0,
// socket(7)): what the kernel had not sent yet is dropped, not sent in the background.
func (l *link) abort(d *transport.Delivery, cause error) {
	d.Err = cause
	l.broken = cause
	_ = unix.SetsockoptLinger(l.socket.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0})
	_ = l.close()
}

// targetError is what the target said before it stopped reading.
func (l *link) targetError() string {
	if l.socket.pending(l.in[:answerSize]) != nil {
		return ""
	}
	_, text, err := parseAnswer(l.in[:])
	var d transport.Delivery
	if err != nil || l.socket.pending(l.in[answerSize:answerSize+text]) != nil || d.Answer(l.in[envelopeSize:answerSize+text]) != nil || d.Err == nil {
		return ""
	}
	return "; the target said: " + d.Err.Error()
}

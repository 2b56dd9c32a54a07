package task

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	eventservice "github.com/containerd/containerd/api/services/ttrpc/events/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/ttrpc"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// publisher forwards events to containerd, in order. They wait while containerd restarts.
type publisher struct {
	address, namespace string
	queue              chan *types.Envelope
	pending            sync.WaitGroup
	// ending is closed when nothing waits any more for a containerd that restarts.
	ending chan struct{}
}

func newPublisher(address, namespace string) *publisher {
	p := &publisher{address: strings.TrimPrefix(address, "unix://"), namespace: namespace, queue: make(chan *types.Envelope, 4096), ending: make(chan struct{})}
	go p.forward()
	return p
}

func (p *publisher) publish(topic string, event any) {
	encoded, err := typeurl.MarshalAnyToProto(event)
	if err != nil {
		fmt.Fprintln(os.Stderr, "roadrunner: event", topic+":", err)
		return
	}
	p.pending.Add(1)
	select {
	case p.queue <- &types.Envelope{Timestamp: timestamppb.Now(), Namespace: p.namespace, Topic: topic, Event: encoded}:
	default:
		// Containerd has not answered for long. When it does again, it asks for the state.
		p.pending.Done()
	}
}

const (
	// tries is how often an event is sent before it is lost, and retry the pause between.
	tries = 5
	retry = time.Second
)

func (p *publisher) forward() {
	var client *ttrpc.Client
	for event := range p.queue {
		for try := range tries {
			if try > 0 {
				select {
				case <-time.After(retry):
				case <-p.ending:
				}
			}
			if client == nil {
				connection, err := net.DialTimeout("unix", p.address, time.Second)
				if err != nil {
					continue
				}
				client = ttrpc.NewClient(connection)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			_, err := eventservice.NewTTRPCEventsClient(client).Forward(ctx, &eventservice.ForwardRequest{Envelope: event})
			cancel()
			if err == nil {
				break
			}
			_ = client.Close()
			client = nil
		}
		p.pending.Done()
	}
}

// flush waits until nothing is queued, but no longer than that. It is called once.
func (p *publisher) flush(wait time.Duration) {
	close(p.ending)
	done := make(chan struct{})
	go func() { p.pending.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(wait):
	}
}

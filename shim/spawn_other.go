//go:build !linux

package shim

import (
	"errors"
	"net"
	"os"
)

func (p *Process) spawn(Options) (net.Conn, error) {
	return nil, errors.New("function hosts need Linux")
}

func howEnded(state *os.ProcessState, err error) string { return state.String() }

//go:build linux

package offset

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// responderVariable makes the test program answer at the socket that it inherits.
const responderVariable = "OFFSET_TEST_RESPONDER"

var testCookie = Cookie{1, 2, 3}

func TestMain(m *testing.M) {
	if os.Getenv(responderVariable) != "" {
		file := os.NewFile(3, "socket")
		socket, err := net.FilePacketConn(file)
		if err == nil {
			err = Respond(socket.(*net.UDPConn), testCookie)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// responder starts another process that answers, in a time namespace of its own where the shift is
// not zero, and returns a socket that leads to it.
func responder(t *testing.T, shift int) *net.UDPConn {
	t.Helper()
	theirs, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	file, err := theirs.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	command := exec.Command("/proc/self/exe")
	if shift != 0 {
		arguments := []string{"--time", "--monotonic", fmt.Sprint(shift), "--fork", "--kill-child", "/proc/self/exe"}
		if os.Geteuid() != 0 {
			arguments = append([]string{"--user", "--map-root-user"}, arguments...)
		}
		command = exec.Command("unshare", arguments...)
		command.Args[len(command.Args)-1] = os.Args[0]
		if err := exec.Command("unshare", append(arguments[:len(arguments)-1:len(arguments)-1], "true")...).Run(); err != nil {
			t.Skipf("no time namespace can be made here: %v", err)
		}
	}
	command.Env = append(os.Environ(), responderVariable+"=1")
	command.ExtraFiles, command.Stderr = []*os.File{file}, os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	socket, err := net.DialUDP("udp", nil, theirs.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return socket
}

func TestTruthLiesWithinBound(t *testing.T) {
	for _, shift := range []int{0, 3, 86400} {
		t.Run(fmt.Sprint(shift), func(t *testing.T) {
			socket := responder(t, shift)
			for range 5 {
				e, err := Measure(t.Context(), socket, testCookie)
				if err != nil {
					t.Fatal(err)
				}
				if off := e.Offset - int64(shift)*int64(time.Second); off < -e.Bound || off > e.Bound {
					t.Errorf("the clocks differ by %d s; the estimate is wrong by %d ns, and its bound %d", shift, off, e.Bound)
				}
			}
		})
	}
}

func TestPacketsWithoutTheCookieAreDropped(t *testing.T) {
	socket := responder(t, 0)
	for _, packet := range [][]byte{nil, {1}, make([]byte, packetSize), make([]byte, 60000)} {
		if _, err := socket.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Measure(t.Context(), socket, testCookie); err != nil {
		t.Errorf("after packets of other hosts: %v", err)
	}
	if e, err := exchangeOnce(socket, Cookie{9}); err == nil {
		t.Errorf("answers to another cookie: %+v", e)
	}
}

func exchangeOnce(socket *net.UDPConn, cookie Cookie) (Estimate, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return Estimate{}, err
	}
	return exchange(socket, raw, cookie, 1)
}

func TestFit(t *testing.T) {
	const start, offset, drift = int64(1) << 60, int64(-86400e9), 40e-6
	var estimates []Estimate
	for i := range int64(9) {
		at := i * int64(time.Second)
		noise := rand.Int64N(2000) - 1000
		estimates = append(estimates, Estimate{At: start + at, Offset: offset + int64(drift*float64(at)) + noise, Bound: 5000})
		line := Fit(estimates)
		for _, e := range estimates {
			truth := offset + int64(drift*float64(e.At-start))
			if off := line.Offset(e.At) - truth; off < -line.Bound || off > line.Bound || line.Bound > 8000 {
				t.Errorf("%d estimates: wrong by %d at %d, bound %d", len(estimates), off, e.At-start, line.Bound)
			}
		}
	}
	if line := Fit(estimates[:1]); line.Offset(start+int64(time.Hour)) != estimates[0].Offset || line.Bound != 5000 {
		t.Errorf("one estimate: %+v", line)
	}
}

func TestMeasureWithoutResponder(t *testing.T) {
	silent, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address := silent.LocalAddr().(*net.UDPAddr)
	silent.Close()
	socket, err := net.DialUDP("udp", nil, address)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if e, err := Measure(t.Context(), socket, testCookie); err == nil {
		t.Errorf("estimates %+v", e)
	}
}

package redis

import (
	"context"
	"os/exec"
	"regexp"

	"github.com/alicebob/miniredis/v2"

	"rrbench/engines"
	"rrbench/transport"
)

var _ transport.Dependent = through{}

func (t through) Versions(parameter string) map[string]string {
	at, err := choose(parameter)
	name, version := program, ""
	switch {
	case err != nil:
	case !at.Private:
		version = versionOf(at)
	case !hasServer():
		name, version = standInName, engines.LibraryVersion("github.com/alicebob/miniredis/v2", miniredis.NewMiniRedis)
	default:
		version = installedVersion()
	}
	if version == "" {
		return nil
	}
	return map[string]string{name: version}
}

func (through) Programs(parameter string) []string {
	path, err := exec.LookPath(program)
	if at, mistake := choose(parameter); err != nil || mistake != nil || !at.Private {
		return nil
	}
	return []string{path}
}

var versionNumber = regexp.MustCompile(`\bv=(\S+)`)

// installedVersion is that of the program on PATH, which says "Redis server v=7.0.15 sha=…".
func installedVersion() string {
	text, _ := exec.Command(program, "--version").Output()
	if found := versionNumber.FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return ""
}

// versionOf asks a user's server.
func versionOf(at place) string {
	c, err := connect(context.Background(), at, connectTimeout)
	if err != nil {
		return ""
	}
	defer c.Close()
	return c.InfoMap(context.Background(), "Server").Item("Server", "redis_version")
}

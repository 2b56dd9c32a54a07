package redis

import (
	"context"
	"os/exec"
	"regexp"
	"runtime/debug"

	"rrbench/transport"
)

var _ transport.Dependent = relay{}

// Versions implements transport.Dependent.
func (r relay) Versions(parameter string) map[string]string {
	at, err := choose(parameter)
	switch {
	case err != nil:
		return nil
	case !at.Private:
		return named(program, versionOf(at))
	case !hasServer():
		return named(standInName, moduleVersion("github.com/alicebob/miniredis/v2"))
	}
	return named(program, installedVersion())
}

// installedVersion is that of the program on PATH.
func installedVersion() string {
	text, _ := exec.Command(program, "--version").Output()
	return versionIn(string(text))
}

func named(name, version string) map[string]string {
	if version == "" {
		return nil
	}
	return map[string]string{name: version}
}

var versionNumber = regexp.MustCompile(`\bv=(\S+)`)

// versionIn finds the number in "Redis server v=7.0.15 sha=…".
func versionIn(text string) string {
	if found := versionNumber.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

// versionOf asks a user's server.
func versionOf(at place) string {
	ctx, cancel := context.WithTimeout(context.Background(), attachPatience)
	defer cancel()
	client, err := connect(ctx, at, attachPatience)
	if err != nil {
		return ""
	}
	defer client.Close()
	text, err := client.Info(ctx, "server").Result()
	if err != nil {
		return ""
	}
	return parseInfo(text)["redis_version"]
}

func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return module.Version
		}
	}
	return ""
}

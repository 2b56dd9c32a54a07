package sweep

import (
	"context"
	"path/filepath"
	"slices"

	"rrbench/inputs"
	"rrbench/results"
	"rrbench/transport"
	"rrbench/workloads"
)

// ReadGuests reads the files that a settled request names as guests, and replaces their paths by names of their content. From
// then on this process can give these guests to its shims.
func (c *Config) ReadGuests(ctx context.Context) ([]results.Input, error) {
	var read []results.Input
	references := make(map[string]string)
	for i := range c.Experiments {
		guest := &c.Experiments[i].Guest
		if !workloads.IsFile(*guest) {
			continue
		}
		if references[*guest] == "" {
			file, reference, err := workloads.ReadFile(ctx, *guest)
			switch {
			case ctx.Err() != nil:
				return nil, err
			case err != nil:
				return nil, c.Experiments[i].fault("guest", err)
			}
			workloads.Add(reference, file.Content)
			references[*guest] = reference
			read = append(read, inputOf(results.GuestInput, reference, file))
		}
		*guest = references[*guest]
	}
	return read, nil
}

// readAgain reads a run's guests again, from the given file or from where they were read first. Their content must be the
// same. A guest may be absent only where no cell that is left needs it.
func readAgain(ctx context.Context, guests []results.Input, given string, left []PlannedCell) error {
	var other *inputs.File
	if given != "" {
		var err error
		if other, _, err = workloads.ReadFile(ctx, given); err != nil {
			return unread(ctx, err, "--guest")
		}
		if len(guests) == 0 {
			return usage("none of the run's guests came from a file: leave out --guest")
		}
	}
	for _, guest := range guests {
		needed := slices.ContainsFunc(left, func(c PlannedCell) bool { return c.Guest == guest.Name })
		file := other
		if other == nil || len(guests) > 1 && string(other.Digest()) != guest.Digest {
			if guest.Pipe && needed {
				return usage("guest %s (sha256:%s) was read from a pipe: give it again with --guest", guest.Name, guest.Digest)
			}
			if guest.Pipe {
				continue
			}
			var err error
			if file, _, err = workloads.ReadFile(ctx, string(guest.Path)); err != nil {
				if needed || ctx.Err() != nil {
					return unread(ctx, err, "or give the same module with --guest")
				}
				continue
			}
		}
		if now := string(file.Digest()); now != guest.Digest {
			return usage("it was begun with guest %s, sha256:%s, and %s is sha256:%s: give the former with --guest, or begin a new run with --out",
				guest.Name, guest.Digest, file.Path, now)
		}
		workloads.Add(guest.Name, file.Content)
	}
	return nil
}

// unread makes an error of reading a *UsageError with a remedy, unless the user has ended the wait.
func unread(ctx context.Context, err error, remedy string) error {
	if ctx.Err() != nil {
		return err
	}
	return usage("%v (%s)", err, remedy)
}

func inputOf(kind results.InputKind, name string, file *inputs.File) results.Input {
	return results.Input{Kind: kind, Name: name, Path: results.Text(file.Path), Pipe: file.Pipe, Digest: string(file.Digest())}
}

func programs(cells []PlannedCell, machine Machine) (found []results.Input) {
	var paths []string
	for _, cell := range cells {
		if cell.Skip != "" {
			continue
		}
		if cell.Kind != "" {
			if runtime, err := machine.runtimeOf(&cell); err == nil {
				paths = append(paths, runtime.Programs()...)
			}
		} else if t, info, err := machine.launched(cell); err == nil {
			paths = append(paths, machine.Launcher(info).Programs()...)
			if dependent, ok := t.(transport.Dependent); ok {
				paths = append(paths, dependent.Programs(cell.Parameter)...)
			}
		}
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		// A program that may be run but not read has no digest.
		digest, _ := inputs.DigestFile(path)
		if absolute, err := filepath.Abs(path); err == nil {
			path = absolute
		}
		found = append(found, results.Input{Kind: results.ProgramInput, Path: results.Text(path), Digest: string(digest)})
	}
	return found
}

func checkPrograms(then, now []results.Input) error {
	for _, program := range now {
		i := slices.IndexFunc(then, func(other results.Input) bool {
			return other.Kind == results.ProgramInput && filepath.Base(string(other.Path)) == filepath.Base(string(program.Path))
		})
		if i >= 0 && then[i].Digest != program.Digest {
			return usage("it was begun with %s, sha256:%s, and %s is sha256:%s: mend that, or begin a new run with --out",
				then[i].Path, then[i].Digest, program.Path, program.Digest)
		}
	}
	return nil
}

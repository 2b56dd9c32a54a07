package results

// For the tests outside of the package.
var (
	ReadTrials    = readRows[Trial]
	RecoverTrials = recoverRows[Trial]
	TrialColumns  = columns[Trial]
	Holm          = holm
)

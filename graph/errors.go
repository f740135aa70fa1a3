package graph

import (
	"errors"

	"crosswalk/graph/model"
	"crosswalk/internal/postgres/grid"
)

// Failure is a top-level error that a client may see, with its code from the documented set.
type Failure struct {
	code       string
	message    string
	extensions map[string]any
}

func (f *Failure) Error() string { return f.message }

// Code returns extensions.code.
func (f *Failure) Code() string { return f.code }

// Extensions returns what else belongs into extensions.
func (f *Failure) Extensions() map[string]any { return f.extensions }

func badInput(message string) *Failure { return &Failure{code: "BAD_USER_INPUT", message: message} }

// orNotFound is err or else, where there is none, the failure of a field that cannot be null.
func orNotFound(err error, message string) error {
	if err != nil {
		return err
	}
	return &Failure{code: "NOT_FOUND", message: message}
}

func setupIncomplete(missing []model.SetupStep) *Failure {
	return &Failure{
		code:       "SETUP_INCOMPLETE",
		message:    setupMessage(missing),
		extensions: map[string]any{"missing": missing},
	}
}

func setupMessage(missing []model.SetupStep) string {
	text := "Finish the set-up first:"
	for i, step := range missing {
		if i > 0 {
			text += ", and"
		}
		switch step {
		case model.SetupStepCredentials:
			text += " save the ConnectWise credentials with saveConnectWiseCredentials"
		case model.SetupStepAgreementType:
			text += " choose an Agreement Type with updateSettings"
		}
	}
	return text + "."
}

// inputProblem reports whether an error is about the input, and what it says, for mutations, which tell such
// things in user errors.
func inputProblem(err error) (message string, ok bool) {
	var failure *Failure
	var input *grid.InputError
	switch {
	case errors.As(err, &failure) && failure.code == "BAD_USER_INPUT":
		return failure.message, true
	case errors.As(err, &input):
		return input.Message, true
	}
	return "", false
}

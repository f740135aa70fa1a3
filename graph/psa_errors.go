package graph

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"crosswalk/graph/model"
	"crosswalk/internal/psa"
)

// psaFailure turns the failure of a field that cannot do without ConnectWise into a top-level error.
func psaFailure(err error) error {
	code, message, retryAt, known := explainPSA(err)
	if !known {
		return err
	}
	failure := &Failure{code: string(code), message: message}
	if code == model.UserErrorCodeSetupIncomplete {
		failure.extensions = map[string]any{"missing": []model.SetupStep{model.SetupStepCredentials}}
	} else if !retryAt.IsZero() {
		failure.extensions = map[string]any{"retryAt": retryAt.UTC().Format(time.RFC3339)}
	}
	return failure
}

// psaRefusals turns the failure of a mutation that cannot do without ConnectWise into user errors.
func psaRefusals(err error, path ...string) ([]*model.UserError, error) {
	code, message, _, known := explainPSA(err)
	if !known {
		return nil, err
	}
	return []*model.UserError{userError(code, message, path...)}, nil
}

// explainPSA says what a failed call means to a user.
func explainPSA(err error) (code model.UserErrorCode, message string, retryAt time.Time, known bool) {
	var unavailable *psa.UnavailableError
	var refused *psa.RefusedError
	switch {
	case errors.Is(err, psa.ErrNotConnected):
		return model.UserErrorCodeSetupIncomplete, setupMessage([]model.SetupStep{model.SetupStepCredentials}), retryAt, true
	case errors.As(err, &unavailable) && unavailable.Unauthorized:
		return model.UserErrorCodePsaUnavailable, unavailable.Reason + ". Check the credentials in settings.", unavailable.RetryAt, true
	case errors.As(err, &unavailable):
		return model.UserErrorCodePsaUnavailable, unavailable.Reason + ". Try again in a few minutes.", unavailable.RetryAt, true
	case errors.As(err, &refused):
		return model.UserErrorCodePsaUnavailable, "ConnectWise refused the request: " + refused.Message + ".", retryAt, true
	}
	return "", "", retryAt, false
}

// compareNames orders by name, ignoring case, then by number.
func compareNames(a, b string, numberA, numberB int) int {
	return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(numberA, numberB))
}

package loaders

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"crosswalk/internal/postgres"
	"crosswalk/internal/posting"
	"crosswalk/internal/psa"
)

// AdditionList is what ConnectWise answered when it was asked for the Additions of an agreement.
type AdditionList struct {
	// Additions are by record number; none where ConnectWise does not have the agreement.
	Additions []psa.Addition
	// Asked is when that was.
	Asked time.Time
	// Err is why ConnectWise gave no usable answer, which another agreement's may yet be.
	Err error
}

// listingsAtATime bounds how many agreements one operation lists at once: each costs a call of its own.
const listingsAtATime = 8

// readPosted reads Additions of ours.
func readPosted(ctx context.Context, s *Set, ids []int64) ([]psa.Addition, error) {
	var stored map[int64]psa.Addition
	err := s.db.Seller(s.seller).Read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		stored, err = posting.Additions(ctx, tx, s.seller, ids)
		return err
	})
	return inOrder(ids, stored), err
}

// listAdditions lists agreements side by side. Those that the time is up for are not asked for.
func listAdditions(ctx context.Context, s *Set, agreements []psa.RecordID) ([]AdditionList, error) {
	waiting, cancel := context.WithDeadline(ctx, s.deadline)
	defer cancel()
	listed := make([]AdditionList, len(agreements))
	var group errgroup.Group
	for i, agreement := range agreements {
		group.Go(func() error {
			listed[i] = s.additionsOf(waiting, agreement)
			if _, err := s.note(listed[i].Err); err != nil {
				return fmt.Errorf("list the Additions of agreement %d: %w", agreement, err)
			}
			return nil
		})
	}
	return listed, group.Wait()
}

func (s *Set) additionsOf(waiting context.Context, agreement psa.RecordID) AdditionList {
	err := s.listings.Acquire(waiting, 1)
	if err == nil {
		defer s.listings.Release(1)
		if !time.Now().Before(s.deadline) { // whoever gave up then has let the next one in
			err = context.DeadlineExceeded
		}
	}
	if err != nil {
		return AdditionList{Err: &psa.UnavailableError{Reason: "ConnectWise did not answer in time", Err: err}}
	}
	found, err := s.directory.Additions.Look(waiting, s.seller, []psa.RecordID{agreement}, s.deadline)
	if err != nil {
		return AdditionList{Err: err}
	}
	return AdditionList{Additions: found[0].Additions, Asked: found[0].Asked} // there is an answer for every agreement
}

// findAdditions finds Additions of ours in the lists of their agreements. One is not Live while ConnectWise gives no answer that
// tells of it, and Deleted where such an answer does not have it.
func findAdditions(ctx context.Context, s *Set, keys []psa.AdditionKey) ([]Found[psa.Addition], error) {
	// This is read first: of all that it tells, lists that are asked for from now on are newer.
	var written map[psa.AdditionKey]time.Time
	err := s.db.Seller(s.seller).ReadOne(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		written, err = psa.AdditionsWritten(ctx, tx, s.seller, keys)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		s.AdditionsOf.Announce(key.Agreement)
	}
	asked := make(map[psa.RecordID]func() (AdditionList, error))
	for _, key := range keys {
		if asked[key.Agreement] == nil {
			asked[key.Agreement] = s.AdditionsOf.Load(ctx, key.Agreement)
		}
	}
	found := make([]Found[psa.Addition], len(keys))
	for i, key := range keys {
		list, err := asked[key.Agreement]()
		if err != nil {
			return nil, err
		}
		found[i] = list.find(key.Record, written[key])
	}
	return found, nil
}

// find finds an Addition that was written last at a time. A list that was asked for before says nothing of it, and one that was asked
// for soon after may not show it yet.
func (l AdditionList) find(record psa.RecordID, written time.Time) Found[psa.Addition] {
	if l.Err != nil || l.Asked.Before(written) {
		return Found[psa.Addition]{}
	}
	at := slices.IndexFunc(l.Additions, func(a psa.Addition) bool { return a.ID == record })
	switch {
	case at >= 0:
		return Found[psa.Addition]{Record: l.Additions[at], Live: true}
	case l.Asked.Before(written.Add(psa.Lag)):
		return Found[psa.Addition]{}
	}
	return Found[psa.Addition]{Live: true, Deleted: true}
}

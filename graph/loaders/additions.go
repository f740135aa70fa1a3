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
	s.mu.Lock()
	since := s.writtenOn[agreement]
	s.mu.Unlock()
	found, err := s.directory.AdditionsSince(waiting, s.seller, agreement, since, s.deadline)
	if err != nil {
		return AdditionList{Err: err}
	}
	return AdditionList{Additions: found.Additions, Asked: found.Asked}
}

// findAdditions finds Additions of ours in the lists of their agreements. One is not Live while ConnectWise gives no answer that
// tells of it, and Deleted where such an answer does not have it.
func findAdditions(ctx context.Context, s *Set, keys []psa.AdditionKey) ([]Found[psa.Addition], error) {
	// This is read first, so that lists that are asked for from now on are newer than all that it tells.
	var written map[psa.AdditionKey]time.Time
	err := s.db.Seller(s.seller).ReadOne(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		written, err = posting.Written(ctx, tx, s.seller, keys)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	for key, at := range written {
		if at.After(s.writtenOn[key.Agreement]) {
			s.writtenOn[key.Agreement] = at
		}
	}
	s.mu.Unlock()
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
	anew := make(map[psa.RecordID]AdditionList)
	var missing []int // may be too new for a list
	for i, key := range keys {
		list, err := asked[key.Agreement]()
		if err == nil && list.Err == nil && list.Asked.Before(written[key]) {
			// The operation listed them before for others, which were written earlier.
			if _, listed := anew[key.Agreement]; !listed {
				var lists []AdditionList
				if lists, err = listAdditions(ctx, s, []psa.RecordID{key.Agreement}); err == nil {
					anew[key.Agreement] = lists[0]
				}
			}
			list = anew[key.Agreement]
		}
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(list.Additions, func(a psa.Addition) bool { return a.ID == key.Record })
		switch {
		case list.Err != nil, list.Asked.Before(written[key]):
		case at >= 0:
			found[i] = Found[psa.Addition]{Record: list.Additions[at], Live: true}
		case list.Asked.Before(written[key].Add(psa.Lag)):
			missing = append(missing, i)
		default:
			found[i] = Found[psa.Addition]{Live: true, Deleted: true}
		}
	}
	s.findByNumber(ctx, keys, missing, found)
	return found, nil
}

// mostByNumber bounds how many Additions are asked for one by one. They were written in the last minutes and are in no list.
const mostByNumber = 20

// findByNumber asks for some of the keys one by one, by their places. What ConnectWise does not tell stays not Live.
func (s *Set) findByNumber(ctx context.Context, keys []psa.AdditionKey, places []int, found []Found[psa.Addition]) {
	waiting, cancel := context.WithDeadline(ctx, s.deadline)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(listingsAtATime)
	for _, i := range places[:min(len(places), mostByNumber)] {
		group.Go(func() error {
			switch addition, err := s.directory.Addition(waiting, s.seller, keys[i]); {
			case err == nil:
				found[i] = Found[psa.Addition]{Record: addition, Live: true}
			case psa.IsNotFound(err):
				found[i] = Found[psa.Addition]{Live: true, Deleted: true}
			}
			return nil
		})
	}
	_ = group.Wait() // there are no errors
}

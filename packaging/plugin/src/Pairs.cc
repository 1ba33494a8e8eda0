#include "Pairs.h"

#include "Facts.h"

#include <zeek/RunState.h>

namespace beacons {

namespace {

void count_up(TableVal* counts, const ValPtr& key) {
    const auto& found = counts->Find(key);
    counts->Assign(key, val_mgr->Count(found ? found->AsCount() + 1 : 1));
}

void count_among(TableVal* those, const ValPtr& what, const ValPtr& host) {
    auto counts = those->Find(what);
    if ( ! counts ) {
        counts = make_intrusive<TableVal>(cast_intrusive<TableType>(those->GetType()->Yield()));
        those->Assign(what, counts);
    }
    count_up(counts->AsTableVal(), host);
}

void add_observation(RecordVal* p, const ValPtr& pair, const Seen& s) {
    auto& z = scripts();
    const auto& f = z.pair;
    auto conns = f.conns.Count(p) + 1;
    f.conns.Set(p, conns);
    f.seen.Set(p, run_state::network_time);

    if ( s.start >= f.last_ts.Double(p) ) {
        f.last_ts.Set(p, s.start);
        f.uid.Set(p, s.uid);
        f.orig_p.Set(p, s.orig_p);
        f.resp_h.Set(p, s.resp_h);
    }
    else if ( s.start < f.first_ts.Double(p) )
        f.first_ts.Set(p, s.start);

    if ( equal(f.service.Text(p), s.service) && ! f.services.In(p) )
        f.service_conns.Add(p);
    else if ( ! is_empty(s.service) )
        z.count_service(pair, s.service);
    take_facts(p, pair, s);

    auto& starts = f.starts.Vector(p)->RawVec();
    if ( starts.size() < z.max_observations.Count() && f.head.Count(p) == 0 && equal(f.state.Text(p), s.state) &&
         s.start > starts.back()->AsDouble() && f.states.Vector(p)->Size() == 0 ) {
        starts.emplace_back(ZVal(s.start));
        f.durations.Vector(p)->RawVec().emplace_back(ZVal(s.duration));
        f.orig_bytes.Vector(p)->RawVec().emplace_back(ZVal(s.orig_bytes));
        f.resp_bytes.Vector(p)->RawVec().emplace_back(ZVal(s.resp_bytes));
        z.held.Add(1);
    }
    else
        z.hold(pair, made(s));

    auto emit_at = f.emit_at.Count(p);
    if ( conns >= (emit_at == 0 ? z.min_connections.Count() : emit_at) )
        z.pass_gate(pair);
    else if ( emit_at > 0 && f.seen.Double(p) - f.emitted.Double(p) >= z.candidate_interval.Get()->AsInterval() )
        z.emit(pair, z.interval);
    if ( z.held.Count() > z.max_total_observations.Count() )
        z.trim();
}

template<class T>
VectorValPtr vector_of(const char* field, T value) {
    auto made = make_intrusive<VectorVal>(scripts().pair.type->GetFieldType<VectorType>(field));
    made->RawVec().emplace_back(ZVal(value));
    return made;
}

void note_talker(RecordVal* p, const Seen& s, bool named) {
    auto& z = scripts();
    count_up(z.pairs_of.Table(), s.orig_h);
    if ( named ) {
        auto what = s.name;
        if ( s.channel != z.conn_channel )
            what = make_intrusive<StringVal>(s.channel->ToStdString() + " " + s.name->ToStdString());
        count_among(z.talkers_to_name.Table(), what, s.orig_h);
        return;
    }
    count_among(z.talkers_to.Table(), s.resp_h, s.orig_h);
    if ( ! is_local(s.resp_h) ) {
        z.pair.counts_port.Set(p, true);
        count_among(z.port_hosts.Table(), s.resp_p, s.orig_h);
    }
}

void begin_pair(const Seen& s, bool named) {
    auto& z = scripts();
    const auto& f = z.pair;
    if ( z.pairs.Vector()->Size() >= z.max_pairs.Count() )
        z.make_room();
    auto pair = make_intrusive<RecordVal>(f.type);
    auto p = pair.get();
    f.orig_h.Set(p, s.orig_h);
    f.resp_p.Set(p, s.resp_p);
    f.by_name.Set(p, named ? s.name : z.empty);
    f.channel.Set(p, s.channel);
    f.conns.Set(p, zeek_uint_t(1));
    f.first_ts.Set(p, s.start);
    f.last_ts.Set(p, s.start);
    f.uid.Set(p, s.uid);
    f.orig_p.Set(p, s.orig_p);
    f.resp_h.Set(p, s.resp_h);
    f.service.Set(p, s.service);
    f.service_conns.Set(p, zeek_uint_t(1));
    f.seen.Set(p, run_state::network_time);
    f.emitted.Set(p, run_state::network_time);
    f.starts.Set(p, vector_of("starts", s.start));
    f.durations.Set(p, vector_of("durations", s.duration));
    f.orig_bytes.Set(p, vector_of("orig_bytes", s.orig_bytes));
    f.resp_bytes.Set(p, vector_of("resp_bytes", s.resp_bytes));
    f.state.Set(p, s.state);

    z.held.Add(1);
    auto pairs = z.pairs.Vector();
    pairs->Append(pair);
    ValPtr place = val_mgr->Count(pairs->Size());
    if ( s.channel != z.conn_channel )
        z.place_by_channel.Table()->Assign(index(s.orig_h, s.name, s.resp_p, s.channel), place);
    else if ( named )
        z.place_by_name.Table()->Assign(index(s.orig_h, s.name, s.resp_p), place);
    else
        z.place_by_addr.Table()->Assign(index(s.orig_h, s.resp_h, s.resp_p), place);
    note_talker(p, s, named);
    if ( ! named && view(s.service->AsString()).find("ssl") != std::string_view::npos )
        z.note_service(pair, s.service);
    take_facts(p, pair, s);
    if ( z.held.Count() > z.max_total_observations.Count() )
        z.trim();
}

} // namespace

void track_at(zeek_uint_t place, const Seen& s, bool named) {
    auto& z = scripts();
    bool is_inbound = place == 0 && is_local(s.resp_h) && ! is_local(s.orig_h);
    if ( is_inbound || z.card_changes.Table()->Size() > 0 ) {
        z.track_at(val_mgr->Count(place), made(s), val_mgr->Bool(named));
        return;
    }
    if ( place > 0 ) {
        auto pair = z.pairs.Vector()->ValAt(place - 1);
        add_observation(pair->AsRecordVal(), pair, s);
    }
    else if ( z.pairs.Vector()->Size() < z.exact_pairs.Count() ||
              (named ? seen_name_before(s) : seen_pair_before(s)) )
        begin_pair(s, named);
}

} // namespace beacons

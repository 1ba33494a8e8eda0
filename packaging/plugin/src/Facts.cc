#include "Facts.h"

namespace beacons {

namespace {

void count_name(RecordVal* p, const ValPtr& pair, const StringValPtr& name) {
    auto& z = scripts();
    const auto& f = z.pair;
    bool is_first = f.named.Count(p) == 0;
    if ( f.names.In(p) || ! (is_first || equal(f.server_name.Text(p), name)) ) {
        z.count_name(pair, name);
        return;
    }
    f.named.Add(p);
    f.name_conns.Add(p);
    if ( is_first ) {
        f.server_name.Set(p, name);
        if ( f.tls.Int(p) )
            z.note_named(pair);
    }
}

void count_dns_name(RecordVal* p, const ValPtr& pair, const StringValPtr& name) {
    auto& z = scripts();
    const auto& f = z.pair;
    bool is_first = f.dns_named.Count(p) == 0;
    if ( is_empty(name) )
        f.dns_known.Set(p, true);
    else if ( f.dns_names.In(p) || ! (is_first || equal(f.dns_name.Text(p), name)) )
        z.count_dns_name(pair, name);
    else {
        f.dns_known.Set(p, true);
        f.dns_named.Add(p);
        f.dns_conns.Add(p);
        if ( is_first )
            f.dns_name.Set(p, name);
    }
}

void note_traits(RecordVal* p, const ValPtr& pair, const Seen& s) {
    auto& z = scripts();
    const auto& f = z.other;
    if ( ! z.pair.traits.In(p) )
        z.pair.traits.Set(p, make_intrusive<TableVal>(z.pair.type->GetFieldType<TableType>("traits")));
    auto table = z.pair.traits.Get(p);
    for ( const auto& told : s.traits ) {
        if ( ! told )
            continue;
        auto source = f.source.Get(told.get());
        const auto& known = table->AsTableVal()->Find(source);
        if ( known && s.start < f.ts.Double(known->AsRecordVal()) )
            continue;
        if ( known ) {
            f.ts.Set(known->AsRecordVal(), s.start);
            f.told.Set(known->AsRecordVal(), told);
        }
        else {
            auto fresh = make_intrusive<RecordVal>(f.known_traits);
            f.ts.Set(fresh.get(), s.start);
            f.told.Set(fresh.get(), told);
            table->AsTableVal()->Assign(source, fresh);
        }
        if ( view(source->AsString()) == "tls" && ! Bstr_eq(f.told_ja3.Text(told.get()), z.pair.ja3.Text(p)) )
            z.note_ja3(pair, f.told_ja3.Get(told.get()));
    }
}

// Whether what a pair is known to have shown differs from what is shown now in its time alone.
bool shows_the_same(const RecordVal* p, const Seen& s) {
    const auto& f = scripts().other;
    if ( ! scripts().pair.presented.In(p) )
        return false;
    auto known = scripts().pair.presented.Record(p);
    if ( s.certificate && ! (f.certificate.In(known) && f.certificate.Record(known) == s.certificate.get()) )
        return false;
    return ! s.client || (f.client.In(known) && Bstr_eq(f.agent.Text(f.client.Record(known)),
                                                        f.agent.Text(s.client->AsRecordVal())));
}

void note_presented(RecordVal* p, const ValPtr& pair, const Seen& s) {
    auto& z = scripts();
    const auto& f = z.other;
    if ( ! shows_the_same(p, s) ) {
        z.note_presented(pair, made(s));
        return;
    }
    auto known = z.pair.presented.Record(p);
    if ( s.certificate && s.start >= f.certificate_ts.Double(known) )
        f.certificate_ts.Set(known, s.start);
    if ( s.client && s.start >= f.client_ts.Double(known) ) {
        f.client.Set(known, s.client);
        f.client_ts.Set(known, s.start);
    }
}

void note_query(RecordVal* p, const ValPtr& pair, const Seen& s) {
    auto& z = scripts();
    const auto& f = z.pair;
    if ( ! equal(f.first_asked.Text(p), s.asked) )
        z.note_asked(pair, s.asked);
    if ( s.query_type && ! is_empty(s.query_type) ) {
        ValPtr known;
        if ( f.query_types.In(p) )
            known = f.query_types.Get(p)->AsTableVal()->Find(s.query_type);
        if ( known )
            f.query_types.Get(p)->AsTableVal()->Assign(s.query_type, val_mgr->Count(known->AsCount() + 1));
        else
            z.count_query_type(pair, s.query_type);
    }
    if ( s.state == z.unanswered )
        f.unanswered.Add(p);
    else if ( s.no_such_name )
        f.no_such_names.Add(p);
}

} // namespace

void take_facts(RecordVal* p, const ValPtr& pair, const Seen& s) {
    auto& z = scripts();
    if ( s.traits[0] || s.traits[1] )
        note_traits(p, pair, s);
    if ( s.channel != z.conn_channel ) {
        if ( s.carried )
            count_name(p, pair, s.carried);
        const auto& most = z.pair.other_paths;
        if ( s.other_paths && ! (most.In(p) && s.other_paths->AsCount() <= most.Count(p)) )
            most.Set(p, s.other_paths);
        if ( s.asked && ! is_empty(s.asked) )
            note_query(p, pair, s);
        return;
    }
    if ( ! is_empty(s.name) )
        count_name(p, pair, s.name);
    if ( s.dns_name && z.pair.by_name.Text(p)->Len() == 0 )
        count_dns_name(p, pair, s.dns_name);
    if ( s.certificate || s.client )
        note_presented(p, pair, s);
}

} // namespace beacons

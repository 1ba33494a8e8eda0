#include "Pairs.h"
#include "Tracker.h"

#include <zeek/IPAddr.h>
#include <zeek/RE.h>

#include <algorithm>

namespace beacons {

namespace {

// Whether a name server speaks of its own network, or may.
bool is_near(const IPAddr& resolver, const IPAddr& a) {
    return a.GetFamily() == resolver.GetFamily() && IPPrefix(a, a.GetFamily() == IPv4 ? 24 : 64).Contains(resolver);
}

} // namespace

bool take_query(RecordVal* rec) {
    auto& z = scripts();
    const auto& f = z.query;
    if ( ! z.dns_channel.Bool() || ! z.answer.query.In(rec) )
        return true;
    auto id = f.id.Record(rec);
    auto name = cast_intrusive<StringVal>(z.answer.query.Get(rec));
    if ( ! is_in_order(name->AsString()) || ! is_wanted(id) )
        return false;
    if ( z.ports_of_neighbours.Table()->Find(z.id.resp_p.Get(id)) ||
         z.without_server.Get()->AsPatternVal()->MatchExactly(name->AsString()) )
        return true;
    Seen s;
    s.orig_h = z.id.orig_h.Get(id);
    s.orig_p = z.id.orig_p.Get(id);
    s.resp_h = z.id.resp_h.Get(id);
    s.resp_p = z.id.resp_p.Get(id);
    s.uid = f.uid.Get(rec);
    s.name = domain_of(name);
    s.service = s.channel = z.dns;
    s.start = f.ts.Double(rec);
    s.orig_bytes = name->Len();
    s.asked = std::move(name);
    if ( f.qtype_name.In(rec) )
        s.query_type = cast_intrusive<StringVal>(f.qtype_name.Get(rec));
    bool has_rcode = f.rcode.In(rec), has_rtt = f.rtt.In(rec);
    s.no_such_name = has_rcode && f.rcode.Count(rec) == 3;
    if ( has_rtt )
        s.duration = whole_microseconds(f.rtt.Double(rec));
    s.state = z.unanswered;
    if ( has_rtt || has_rcode ) {
        s.state = z.answered;
        s.resp_bytes = 0;
        if ( f.answers.In(rec) )
            for ( const auto& answer : f.answers.Vector(rec)->RawVec() )
                s.resp_bytes = std::min<zeek_int_t>(65535, s.resp_bytes + answer->AsString()->Len());
    }
    track_at(place_in(z.place_by_channel, index(s.orig_h, s.name, s.resp_p, s.channel)), s, true);
    return true;
}

bool take_answer(RecordVal* c, RecordVal* msg, RecordVal* ans, ValPtr a) {
    constexpr double shortest_lookup = 3600.0, longest_lookup = 86400.0;
    constexpr zeek_uint_t is_answer = 1, type_a = 1, type_aaaa = 28;
    auto& z = scripts();
    const auto& f = z.answer;
    if ( ! f.is_response.Int(msg) || f.opcode.Count(msg) != 0 || f.answer_type.Count(ans) != is_answer ||
         ! f.dns.In(c) )
        return true;
    auto dns = f.dns.Record(c);
    auto qtype = f.qtype.In(dns) ? f.qtype.Count(dns) : type_a;
    if ( ! f.query.In(dns) || (qtype != type_a && qtype != type_aaaa) )
        return true;

    auto id = z.conn.id.Record(c);
    auto client = z.id.orig_h.Get(id);
    auto filling = z.filling_a.Bool() ? z.lookups_a.Table() : z.lookups_b.Table();
    auto most = z.max_answers.Count();
    if ( 2 * static_cast<zeek_uint_t>(filling->Size()) >= most || ! is_in_order(f.query.Text(dns)) ||
         is_near(z.id.resp_h.Get(id)->AsAddr(), a->AsAddr()) )
        return false;

    double at = std::floor(z.query.ts.Double(dns) * 1000000.0 + 0.5) / 1000000.0;
    if ( z.query.rtt.In(dns) )
        at += whole_microseconds(z.query.rtt.Double(dns));
    auto first_answers = z.first_answers.Table();
    if ( static_cast<zeek_uint_t>(first_answers->Size()) < most && ! first_answers->Find(client) )
        first_answers->Assign(client, make_intrusive<DoubleVal>(at));
    double until = at + std::min(longest_lookup, std::max(shortest_lookup, f.ttl.Double(ans)));

    const auto& g = z.other;
    auto name = f.query.Get(dns);
    auto key = index(client, a);
    auto known = z.lookups_a.Table()->Find(key);
    if ( ! known )
        known = z.lookups_b.Table()->Find(key);
    auto newest = known ? g.newest.Record(known->AsRecordVal()) : nullptr;
    if ( newest && at <= g.until.Double(newest) + half_microsecond &&
         Bstr_eq(g.name.Text(newest), name->AsString()) ) {
        g.until.Set(newest, until);
        g.last.Set(newest, at);
    }
    else {
        auto fresh = make_intrusive<RecordVal>(g.lookup);
        g.name.Set(fresh.get(), name);
        g.since.Set(fresh.get(), at);
        g.until.Set(fresh.get(), until);
        g.last.Set(fresh.get(), at);
        if ( known )
            z.add_lookup(known, fresh);
        else {
            auto begun = make_intrusive<RecordVal>(g.lookups);
            g.newest.Set(begun.get(), fresh);
            known = begun;
        }
    }
    // Put in anew each time, so that its age is that of the newest answer.
    filling->Assign(key, known);
    return true;
}

} // namespace beacons

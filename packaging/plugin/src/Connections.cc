#include "Pairs.h"
#include "Tracker.h"

namespace beacons {

namespace {

void note_connected(const ValPtr& client, const StringValPtr& name) {
    auto& z = scripts();
    auto domain = domain_of(name);
    for ( const auto& port : {z.dns_udp, z.dns_tcp} ) {
        if ( port == z.dns_tcp && ! z.asks_over_tcp.Bool() )
            return;
        auto place = place_in(z.place_by_channel, index(client, domain, port, z.dns));
        if ( place > 0 )
            z.pair.connected.Add(z.pairs.Vector()->ValAt(place - 1)->AsRecordVal());
    }
}

// What was left open, or continues something, has its pieces put together by the scripts.
bool is_whole(std::string_view state, std::string_view history) {
    if ( state == "S1" || state == "S2" || state == "S3" || state == "OTH" )
        return false;
    return history.empty() || history.find_first_of("SsHh") != std::string_view::npos;
}

StringValPtr looked_up(const Seen& s) {
    auto& z = scripts();
    auto key = index(s.orig_h, s.resp_h);
    auto known = z.lookups_a.Table()->Find(key);
    if ( ! known && z.lookups_b.Table()->Size() > 0 )
        known = z.lookups_b.Table()->Find(key);
    if ( ! known )
        return z.empty;
    const auto& f = z.other;
    auto newest = f.newest.Record(known->AsRecordVal());
    if ( f.since.Double(newest) > s.start + half_microsecond )
        return cast_intrusive<StringVal>(z.held_at(known, make_intrusive<DoubleVal>(s.start)));
    if ( s.start <= f.until.Double(newest) + half_microsecond )
        return cast_intrusive<StringVal>(f.name.Get(newest));
    return z.empty;
}

void add_presented(Seen& s, const RecordVal* c) {
    auto& z = scripts();
    const auto& f = z.ssl;
    if ( z.conn.ssl.In(c) ) {
        auto ssl = z.conn.ssl.Get(c);
        auto info = ssl->AsRecordVal();
        if ( f.chain.In(info) && f.chain.Vector(info)->Size() > 0 ) {
            auto file = f.chain.Vector(info)->ValAt(0);
            if ( f.x509.In(file->AsRecordVal()) ) {
                auto x509 = f.x509.Get(file->AsRecordVal());
                if ( f.issuer.Text(f.certificate.Record(x509->AsRecordVal()))->Len() > 0 )
                    s.certificate = z.certificate_of(x509, ssl);
            }
        }
        auto tls = cast_intrusive<RecordVal>(z.traits_of_tls(ssl));
        if ( z.other.lines.Vector(tls.get())->Size() > 0 )
            s.traits[0] = tls;
    }
    if ( z.conn.client.In(c) )
        s.client = z.conn.client.Get(c);
    if ( z.conn.answered.In(c) && z.http.status_code.In(z.conn.answered.Record(c)) )
        s.traits[1] = cast_intrusive<RecordVal>(z.traits_of_request(z.conn.answered.Get(c)));
}

} // namespace

bool take_connection(RecordVal* c) {
    auto& z = scripts();
    const auto& f = z.conn;
    auto info = f.conn.Record(c);
    if ( z.clustered.Bool() || z.filtering.Bool() || z.track_policy.HasBodies() || f.proxied.In(c) || f.told.In(c) ||
         f.intel.In(c) || f.ssh.In(c) )
        return false;
    auto direction = z.direction.Get()->AsEnum();
    if ( direction != z.any_direction->AsEnum() && z.info.local_orig.In(info) &&
         ! (direction == z.from_local->AsEnum() && z.info.local_orig.Int(info)) )
        return false;
    if ( z.info.proto.Int(info) == z.unknown->AsEnum() )
        return false;
    if ( z.info.proto.Int(info) == z.tcp->AsEnum() &&
         ! is_whole(view(z.info.conn_state.Text(info)), f.history.In(c) ? view(f.history.Text(c)) : "") )
        return false;
    bool has_duration = z.info.duration.In(info);
    if ( has_duration && z.info.duration.Double(info) >= z.long_after.Get()->AsInterval() )
        return false;

    Seen s;
    s.name = z.empty;
    if ( f.name.In(c) ) {
        if ( ! is_in_order(f.name.Text(c)) )
            return false;
        s.name = cast_intrusive<StringVal>(f.name.Get(c));
    }
    bool has_name = ! is_empty(s.name);

    auto id = f.id.Record(c);
    s.orig_h = z.id.orig_h.Get(id);
    s.resp_h = z.id.resp_h.Get(id);
    s.resp_p = z.id.resp_p.Get(id);
    s.channel = z.conn_channel;
    auto by_addr = place_in(z.place_by_addr, index(s.orig_h, s.resp_h, s.resp_p));
    bool is_first = by_addr == 0 && z.pairs.Vector()->Size() >= z.exact_pairs.Count() && ! seen_pair_before(s);
    bool by_name = has_name && z.pairs_by_name.Bool();
    if ( is_first &&
         (! by_name ||
          (place_in(z.place_by_name, index(s.orig_h, s.name, s.resp_p)) == 0 && ! seen_name_before(s))) ) {
        if ( has_name && z.dns_channel.Bool() )
            note_connected(s.orig_h, s.name);
        return true;
    }

    s.orig_p = z.id.orig_p.Get(id);
    s.uid = f.uid.Get(c);
    s.service = z.info.service.In(info) ? cast_intrusive<StringVal>(z.info.service.Get(info)) : z.empty;
    s.state = cast_intrusive<StringVal>(z.info.conn_state.Get(info));
    s.start = z.info.ts.Double(info);
    if ( has_duration ) {
        s.duration = whole_microseconds(z.info.duration.Double(info));
        s.orig_bytes = z.info.orig_bytes.Count(info);
        s.resp_bytes = z.info.resp_bytes.Count(info);
    }
    const auto& first_answer = z.first_answers.Table()->Find(s.orig_h);
    if ( first_answer && first_answer->AsDouble() <= s.start + half_microsecond )
        s.dns_name = looked_up(s);
    if ( f.ssl.In(c) || f.client.In(c) )
        add_presented(s, c);

    if ( z.dns_channel.Bool() ) {
        if ( has_name )
            note_connected(s.orig_h, s.name);
        else if ( s.dns_name && ! is_empty(s.dns_name) )
            note_connected(s.orig_h, s.dns_name);
    }
    if ( ! is_first )
        track_at(by_addr, s, false);
    if ( by_name )
        track_at(place_in(z.place_by_name, index(s.orig_h, s.name, s.resp_p)), s, true);
    return true;
}

} // namespace beacons

#include "Seen.h"

namespace beacons {

zeek_uint_t place_in(const Global& table, const ValPtr& key) {
    const auto& found = table.Table()->Find(key);
    return found ? found->AsCount() : 0;
}

bool is_local(const ValPtr& host) { return scripts().local_nets.Table()->Contains(host->AsAddr()); }

bool is_wanted(const RecordVal* id) {
    auto& z = scripts();
    auto direction = z.direction.Get()->AsEnum();
    return ! z.clustered.Bool() && ! z.filtering.Bool() &&
           (direction == z.any_direction->AsEnum() || z.local_nets.Table()->Size() == 0 ||
            (direction == z.from_local->AsEnum() && is_local(z.id.orig_h.Get(id))));
}

bool is_in_order(const String* raw) {
    auto text = view(raw);
    if ( text.empty() || text.size() > longest_name || text.back() < 'a' || text.back() > 'z' )
        return false;
    for ( char c : text )
        if ( ! ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-') )
            return false;
    return true;
}

StringValPtr domain_of(const StringValPtr& name) {
    auto known = scripts().domains.Table()->Find(name);
    if ( ! known )
        known = scripts().registered_domain(name);
    return cast_intrusive<StringVal>(known);
}

RecordValPtr made(const Seen& s) {
    const auto& f = scripts().observation;
    auto o = make_intrusive<RecordVal>(f.type);
    f.orig_h.Set(o.get(), s.orig_h);
    f.orig_p.Set(o.get(), s.orig_p);
    f.resp_h.Set(o.get(), s.resp_h);
    f.resp_p.Set(o.get(), s.resp_p);
    f.uid.Set(o.get(), s.uid);
    f.name.Set(o.get(), s.name);
    f.service.Set(o.get(), s.service);
    if ( s.dns_name )
        f.dns_name.Set(o.get(), s.dns_name);
    if ( s.certificate )
        f.certificate.Set(o.get(), s.certificate);
    if ( s.client )
        f.client.Set(o.get(), s.client);
    if ( s.traits[0] || s.traits[1] ) {
        auto all = make_intrusive<VectorVal>(f.type->GetFieldType<VectorType>("traits"));
        for ( const auto& one : s.traits )
            if ( one )
                all->Append(one);
        f.traits.Set(o.get(), all);
    }
    f.start.Set(o.get(), s.start);
    f.duration.Set(o.get(), s.duration);
    f.orig_bytes.Set(o.get(), s.orig_bytes);
    f.resp_bytes.Set(o.get(), s.resp_bytes);
    f.state.Set(o.get(), s.state);
    f.channel.Set(o.get(), s.channel);
    if ( s.carried )
        f.carried.Set(o.get(), s.carried);
    if ( s.other_paths )
        f.other_paths.Set(o.get(), s.other_paths);
    if ( s.asked )
        f.asked.Set(o.get(), s.asked);
    if ( s.query_type )
        f.query_type.Set(o.get(), s.query_type);
    f.no_such_name.Set(o.get(), s.no_such_name);
    return o;
}

} // namespace beacons

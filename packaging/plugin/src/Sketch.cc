#include "Pairs.h"

#include <zeek/Desc.h>
#include <zeek/OpaqueVal.h>

namespace beacons {

namespace {

bool seen_before(const Global& filter, const ValPtr& key) {
    auto& z = scripts();
    auto marks = static_cast<BloomFilterVal*>(filter.Get().get());
    if ( marks->Count(key.get()) > 0 )
        return true;
    marks->Add(key.get());
    if ( z.marks.Count() < static_cast<zeek_uint_t>(z.sketch_pairs.Get()->CoerceToUnsigned()) )
        z.marks.Add(1);
    else
        z.count_mark();
    return false;
}

} // namespace

bool seen_pair_before(const Seen& s) {
    auto key = make_intrusive<RecordVal>(scripts().other.pair_key);
    key->Assign(0, s.orig_h);
    key->Assign(1, s.resp_h);
    key->Assign(2, s.resp_p);
    return seen_before(scripts().seen_pairs, key);
}

bool seen_name_before(const Seen& s) {
    ODesc d;
    d.SetStyle(RAW_STYLE);
    s.orig_h->Describe(&d);
    d.Add(" ");
    s.resp_p->Describe(&d);
    d.Add(" ");
    if ( s.channel != scripts().conn_channel ) {
        s.channel->Describe(&d);
        d.Add(" ");
    }
    s.name->Describe(&d);
    return seen_before(scripts().seen_names, make_intrusive<StringVal>(d.Len(), d.Description()));
}

} // namespace beacons

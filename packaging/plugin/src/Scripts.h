// What the scripts of zeek-beacons hold and do, by its names there.

#pragma once

#include <zeek/Func.h>
#include <zeek/ID.h>
#include <zeek/Val.h>

#include <stdexcept>
#include <string>

namespace beacons {

using namespace zeek;

// The scripts are not those that this was written for.
struct Misfit : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// A global of the scripts.
class Global {
public:
    explicit Global(const char* name) : id(zeek::id::find(name)) {
        if ( ! id )
            throw Misfit(std::string("no ") + name);
    }

    const ValPtr& Get() const { return id->GetVal(); }
    zeek_uint_t Count() const { return Get()->AsCount(); }
    bool Bool() const { return Get()->AsBool(); }
    TableVal* Table() const { return Get()->AsTableVal(); }
    VectorVal* Vector() const { return Get()->AsVectorVal(); }
    void Set(ValPtr value) { id->SetVal(std::move(value)); }
    void Add(zeek_uint_t n) { Set(val_mgr->Count(Count() + n)); }

private:
    detail::IDPtr id;
};

// A function or hook of the scripts.
class Script {
public:
    explicit Script(const char* name) : func(id::find_func(name)) {
        if ( ! func )
            throw Misfit(std::string("no ") + name);
    }

    template<typename... T>
    ValPtr operator()(T&&... args) const {
        Args all{ValPtr(std::forward<T>(args))...};
        return func->Invoke(&all);
    }

    bool HasBodies() const { return func->HasBodies(); }

private:
    FuncPtr func;
};

// A field of a record type of the scripts.
class Field {
public:
    Field(const RecordTypePtr& type, const char* name) : offset(type->FieldOffset(name)) {
        if ( offset < 0 )
            throw Misfit("no " + type->GetName() + "$" + name);
    }

    bool In(const RecordVal* r) const { return r->HasField(offset); }

    // For fields that have a value, or a default.
    zeek_uint_t Count(const RecordVal* r) const { return Made(r)->GetFieldAs<CountVal>(offset); }
    zeek_int_t Int(const RecordVal* r) const { return Made(r)->GetFieldAs<IntVal>(offset); }
    double Double(const RecordVal* r) const { return Made(r)->GetFieldAs<DoubleVal>(offset); }
    const String* Text(const RecordVal* r) const { return Made(r)->GetFieldAs<StringVal>(offset); }
    RecordVal* Record(const RecordVal* r) const { return Made(r)->GetFieldAs<RecordVal>(offset); }
    VectorVal* Vector(const RecordVal* r) const { return Made(r)->GetFieldAs<VectorVal>(offset); }
    ValPtr Get(const RecordVal* r) const { return r->GetField(offset); }

    template<class T>
    void Set(RecordVal* r, T value) const {
        r->Assign(offset, std::move(value));
    }
    void Add(RecordVal* r) const { r->Assign(offset, Count(r) + 1); }

private:
    const RecordVal* Made(const RecordVal* r) const {
        if ( ! r->HasRawField(offset) )
            r->GetField(offset);
        return r;
    }

    int offset;
};

inline RecordTypePtr type_of(const char* name) {
    if ( auto type = id::find_type(name) )
        return cast_intrusive<RecordType>(type);
    throw Misfit(std::string("no ") + name);
}

struct ConnFields {
    RecordTypePtr type = type_of("connection");
    Field conn{type, "conn"}, id{type, "id"}, uid{type, "uid"}, history{type, "history"}, ssl{type, "ssl"},
        ssh{type, "ssh"}, name{type, "beacons_name"}, client{type, "beacons_client"},
        answered{type, "beacons_answered"}, intel{type, "beacons_intel"}, proxied{type, "beacons_proxied"},
        told{type, "beacons_told"};
};

struct InfoFields {
    RecordTypePtr type = type_of("Conn::Info");
    Field ts{type, "ts"}, proto{type, "proto"}, service{type, "service"}, duration{type, "duration"},
        orig_bytes{type, "orig_bytes"}, resp_bytes{type, "resp_bytes"}, conn_state{type, "conn_state"},
        local_orig{type, "local_orig"};
};

struct IdFields {
    RecordTypePtr type = type_of("conn_id");
    Field orig_h{type, "orig_h"}, orig_p{type, "orig_p"}, resp_h{type, "resp_h"}, resp_p{type, "resp_p"};
};

struct DnsFields {
    RecordTypePtr type = type_of("DNS::Info");
    Field ts{type, "ts"}, uid{type, "uid"}, id{type, "id"}, rtt{type, "rtt"}, qtype_name{type, "qtype_name"},
        rcode{type, "rcode"}, answers{type, "answers"};
};

struct DnsAnswerFields {
    RecordTypePtr conn = type_of("connection");
    Field dns{conn, "dns"};
    RecordTypePtr info = type_of("DNS::Info");
    Field query{info, "query"}, qtype{info, "qtype"};
    RecordTypePtr message = type_of("dns_msg");
    Field is_response{message, "QR"}, opcode{message, "opcode"};
    RecordTypePtr answer = type_of("dns_answer");
    Field answer_type{answer, "answer_type"}, ttl{answer, "TTL"};
};

struct HttpFields {
    RecordTypePtr type = type_of("HTTP::Info");
    Field ts{type, "ts"}, uid{type, "uid"}, id{type, "id"}, trans_depth{type, "trans_depth"}, uri{type, "uri"},
        host{type, "host"}, method{type, "method"}, request_body_len{type, "request_body_len"},
        response_body_len{type, "response_body_len"}, status_code{type, "status_code"};
    RecordTypePtr site = type_of("Beacons::SitePaths");
    Field hosts{site, "hosts"}, paths{site, "paths"};
};

struct SslFields {
    RecordTypePtr type = type_of("SSL::Info");
    Field chain{type, "cert_chain"};
    RecordTypePtr file = type_of("Files::Info");
    Field x509{file, "x509"};
    RecordTypePtr info = type_of("X509::Info");
    Field certificate{info, "certificate"};
    RecordTypePtr cert = type_of("X509::Certificate");
    Field issuer{cert, "issuer"};
};

struct PairFields {
    RecordTypePtr type = type_of("Beacons::Pair");
    Field orig_h{type, "orig_h"}, resp_p{type, "resp_p"}, by_name{type, "by_name"}, channel{type, "channel"},
        conns{type, "conns"}, named{type, "named"}, first_ts{type, "first_ts"}, last_ts{type, "last_ts"},
        uid{type, "uid"}, orig_p{type, "orig_p"}, resp_h{type, "resp_h"}, service{type, "service"},
        service_conns{type, "service_conns"}, services{type, "services"}, server_name{type, "server_name"},
        name_conns{type, "name_conns"}, names{type, "names"}, dns_known{type, "dns_known"},
        dns_named{type, "dns_named"}, dns_name{type, "dns_name"}, dns_conns{type, "dns_conns"},
        dns_names{type, "dns_names"}, tls{type, "tls"}, presented{type, "presented"}, traits{type, "traits"},
        ja3{type, "ja3"}, counts_port{type, "counts_port"}, first_asked{type, "first_asked"},
        query_types{type, "query_types"}, other_paths{type, "other_paths"}, unanswered{type, "unanswered"},
        no_such_names{type, "no_such_names"}, connected{type, "connected"}, seen{type, "seen"},
        emitted{type, "emitted"}, emit_at{type, "emit_at"},
        head{type, "head"}, starts{type, "starts"}, durations{type, "durations"}, orig_bytes{type, "orig_bytes"},
        resp_bytes{type, "resp_bytes"}, state{type, "state"}, states{type, "states"};
};

struct ObservationFields {
    RecordTypePtr type = type_of("Beacons::Observation");
    Field orig_h{type, "orig_h"}, orig_p{type, "orig_p"}, resp_h{type, "resp_h"}, resp_p{type, "resp_p"},
        uid{type, "uid"}, name{type, "name"}, service{type, "service"}, dns_name{type, "dns_name"},
        certificate{type, "certificate"}, client{type, "client"}, traits{type, "traits"}, start{type, "start"},
        duration{type, "duration"}, orig_bytes{type, "orig_bytes"}, resp_bytes{type, "resp_bytes"},
        state{type, "state"}, channel{type, "channel"}, carried{type, "carried"}, other_paths{type, "other_paths"},
        asked{type, "asked"}, query_type{type, "query_type"},
        no_such_name{type, "no_such_name"};
};

struct OtherFields {
    RecordTypePtr presented = type_of("Beacons::Presented");
    Field certificate{presented, "certificate"}, certificate_ts{presented, "certificate_ts"},
        client{presented, "client"}, client_ts{presented, "client_ts"};
    RecordTypePtr web_client = type_of("Beacons::WebClient");
    Field agent{web_client, "agent"};
    RecordTypePtr traits = type_of("Beacons::Traits");
    Field source{traits, "source"}, lines{traits, "lines"}, told_ja3{traits, "ja3"};
    RecordTypePtr known_traits = type_of("Beacons::KnownTraits");
    Field ts{known_traits, "ts"}, told{known_traits, "told"};
    RecordTypePtr lookups = type_of("Beacons::Lookups");
    Field newest{lookups, "newest"};
    RecordTypePtr lookup = type_of("Beacons::Lookup");
    Field name{lookup, "name"}, since{lookup, "since"}, until{lookup, "until"}, last{lookup, "last"};
    RecordTypePtr pair_key = type_of("Beacons::PairKey");
};

inline StringValPtr text(const char* words) { return make_intrusive<StringVal>(words); }

// What the scripts hold and do, found once they are read.
struct Scripts {
    ConnFields conn;
    InfoFields info;
    IdFields id;
    DnsFields query;
    DnsAnswerFields answer;
    HttpFields http;
    SslFields ssl;
    PairFields pair;
    ObservationFields observation;
    OtherFields other;

    Global direction{"Beacons::direction"}, filtering{"Beacons::filtering"}, clustered{"Beacons::clustered"},
        long_after{"Beacons::long_after"}, exact_pairs{"Beacons::exact_pairs"}, max_pairs{"Beacons::max_pairs"},
        min_connections{"Beacons::min_connections"}, max_observations{"Beacons::max_observations"},
        max_total_observations{"Beacons::max_total_observations"}, candidate_interval{"Beacons::candidate_interval"},
        pairs_by_name{"Beacons::pairs_by_name"}, dns_channel{"Beacons::dns_channel"},
        sketch_pairs{"Beacons::sketch_pairs"}, pairs{"Beacons::pairs"}, held{"Beacons::held"},
        place_by_addr{"Beacons::place_by_addr"}, place_by_name{"Beacons::place_by_name"},
        place_by_channel{"Beacons::place_by_channel"}, seen_pairs{"Beacons::seen_pairs"},
        seen_names{"Beacons::seen_names"}, marks{"Beacons::marks"}, card_changes{"Beacons::card_changes"},
        first_answers{"Beacons::first_answers"}, lookups_a{"Beacons::lookups_a"}, lookups_b{"Beacons::lookups_b"},
        filling_a{"Beacons::filling_a"}, max_answers{"Beacons::max_answers"}, site_paths{"Beacons::site_paths"},
        most_paths{"Beacons::most_paths"}, http_is_tracked{"Beacons::http_channel"},
        without_server{"Beacons::without_server"}, ports_of_neighbours{"Beacons::ports_of_neighbours"},
        domains{"Beacons::domains"}, asks_over_tcp{"Beacons::asks_over_tcp"}, pairs_of{"Beacons::pairs_of"},
        talkers_to{"Beacons::talkers_to"}, talkers_to_name{"Beacons::talkers_to_name"},
        port_hosts{"Beacons::port_hosts"}, local_nets{"Site::local_nets"};

    Script track_policy{"Beacons::track_policy"}, track_at{"Beacons::track_at"}, hold{"Beacons::hold"},
        pass_gate{"Beacons::pass_gate"}, emit{"Beacons::emit"}, trim{"Beacons::trim"}, make_room{"Beacons::make_room"},
        count_service{"Beacons::count_service"}, count_name{"Beacons::count_name"},
        count_dns_name{"Beacons::count_dns_name"}, note_named{"Beacons::note_named"},
        note_service{"Beacons::note_service"}, note_presented{"Beacons::note_presented"},
        note_ja3{"Beacons::note_ja3"}, note_asked{"Beacons::note_asked"},
        count_query_type{"Beacons::count_query_type"}, count_mark{"Beacons::count_mark"},
        held_at{"Beacons::held_at"}, add_lookup{"Beacons::add_lookup"}, at_stem{"Beacons::at_stem"},
        find_other_paths{"Beacons::other_paths"}, registered_domain{"Beacons::registered_domain"},
        certificate_of{"Beacons::certificate_of"}, traits_of_tls{"Beacons::traits_of_tls"},
        traits_of_request{"Beacons::traits_of_request"};

    ValPtr any_direction = id::find_val("Beacons::ANY"), from_local = id::find_val("Beacons::FROM_LOCAL");
    ValPtr tcp = id::find_val("tcp"), unknown = id::find_val("unknown_transport");
    StringValPtr empty = text(""), conn_channel = text("conn"), dns = text("dns"), http_channel = text("http"),
                 interval = text("interval"), open = text("S1"), unanswered = text("S0"), answered = text("SF");
    ValPtr dns_udp = val_mgr->Port(53, TRANSPORT_UDP), dns_tcp = val_mgr->Port(53, TRANSPORT_TCP);
};

// Finds them. Where they are not those that this was written for, a warning says so and nothing is taken.
void find_scripts();

// Whether they were found; and what was.
bool have_scripts();
Scripts& scripts();

} // namespace beacons

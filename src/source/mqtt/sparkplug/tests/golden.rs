//! Payloads that two other implementations have written, byte by byte: Eclipse Tahu's Python (tahutils 0.1.11) and its JavaScript
//! (sparkplug-payload 1.0.3), of the same metrics. tests/it asks both again.

use super::{
    super::{
        report::Report,
        value::{Misfit, Told, read},
    },
    *,
};

const PYTHON: &str = "\
    08e807120d0a01611001188407200150ff01120e0a01621002188407200250feff03120e0a0163188407200350fdffffff0f12130a0164 \
    188407200458fcffffffffffffffff01120b0a0165188407200550ff01120e0a016618840720075080d0acf30e12110a01671884072008 \
    58ffffffffffffff0f120d0a01681884072009650000c03f12230a0169188407200a4a100a075175616c6974791205080318c001699a99 \
    99999999b93f120a0a016a188407200b7001120d0a016b188407200c7a0352554e120f0a016c188407200d58c0e0abc0d53312230a016d \
    188407200a4a100a075175616c6974791205080318f403690000000000000440120a0a016e18840720093801120c0a016f188407200328 \
    015005122c0a017018a8e383caa234201392011d12130a06696e7369646518a8e383caa2342001500122046b696e642800121c0a017118 \
    a8e383caa23420108a010d0801120161180322040a020801120d0a0172188407201182010201021807";

const JAVASCRIPT: &str = "\
    08e80712100a01611001188407200150ffffffff0f12100a01621002188407200250feffffff0f120e0a0163188407200350fdffffff0f \
    12130a0164188407200458fcffffffffffffffff01120b0a0165188407200550ff01120e0a016618840720075880d0acf30e12110a0167 \
    188407200858ffffffffffffff0f120d0a01681884072009650000c03f12230a0169188407200a4a100a075175616c6974791205080318 \
    c001699a9999999999b93f120a0a016a188407200b7001120d0a016b188407200c7a0352554e120f0a016c188407200d58c0e0abc0d533 \
    12230a016d188407200a4a100a075175616c6974791205080318f403690000000000000440120a0a016e18840720093801120c0a016f18 \
    840720032801500512210a01701884072013920116120c0a06696e736964652001500122046b696e64280012180a017118840720108a01 \
    0d0801120161180322040a020801120d0a0172188407201182010201021807";

/// What the JavaScript client makes of a payload if it is told to compress: nothing that Sparkplug knows.
const COMPRESSED: &str =
    "221253504256312e305f434f4d505245535345442a15789ce3601462e7624c54600c609460040006cf011a";

/// Hexadecimal digits, with spaces at the ends of lines.
fn bytes(hex: &str) -> Vec<u8> {
    let hex = hex.replace(' ', "");
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn what_others_have_written_is_read_as_they_meant_it() {
    let number = |number| Ok(Told::Number(number));
    let expected = [
        ("a", number(-1.0)),
        ("b", number(-2.0)),
        ("c", number(-3.0)),
        ("d", number(-4.0)),
        ("e", number(255.0)),
        ("f", number(4_000_000_000.0)),
        ("g", number(9_007_199_254_740_991.0)),
        ("h", number(1.5)),
        ("i", number(0.1)),
        ("j", Ok(Told::Bool(true))),
        ("k", Ok(Told::Text("RUN".to_owned()))),
        ("l", number(1_775_298_605_120.0)),
        ("m", Ok(Told::Stale)),
        ("n", Ok(Told::Null)),
        ("o", number(5.0)),
        ("p", Err(Misfit::NotATag("Template"))),
        ("q", Err(Misfit::NotATag("DataSet"))),
        ("r", Err(Misfit::NotATag("Bytes"))),
    ];
    for payload in [PYTHON, JAVASCRIPT] {
        let bytes = bytes(payload);
        let report = Report::read(&bytes).unwrap();
        assert_eq!(
            (report.seq, report.timestamp),
            (Some(7), Some(Wall::from_millis(1_000)))
        );
        let metrics: Vec<Metric> = report.metrics().map(Result::unwrap).collect();
        assert_eq!(metrics.len(), expected.len());
        for (metric, (name, told)) in metrics.iter().zip(&expected) {
            assert_eq!(metric.name.as_deref(), Some(*name));
            assert_eq!(read(metric, None), *told, "{name}");
        }
        assert_eq!(
            (metrics[0].alias, metrics[1].alias, metrics[2].alias),
            (Some(1), Some(2), None)
        );
        assert_eq!(
            (metrics[0].timestamp, metrics[14].is_historical),
            (Some(900), Some(true))
        );
    }
}

#[test]
fn a_payload_that_is_compressed_is_said_to_be() {
    let why = Report::read(&bytes(COMPRESSED)).unwrap_err();
    assert!(why.to_string().contains("compressed"), "{why}");
}

//! The words that mail programs write in a reply or a forward, one row for each language they speak.
//!
//! Data only: what the words are taken for is decided by `reply` and `attribution`, and never by a word
//! alone.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// What a line of a header block says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Label {
    From,
    Date,
    To,
    Subject,
    /// A copy, an attachment, a priority: no block by itself.
    Other,
}

/// The words of one language.
struct Language {
    /// Labels of a header block, without their colon.
    from: &'static [&'static str],
    date: &'static [&'static str],
    to: &'static [&'static str],
    subject: &'static [&'static str],
    /// What ends the line above a quote: "wrote".
    wrote: &'static [&'static str],
    /// What the line above a quote begins with: "On".
    leads: &'static [&'static str],
    /// The name of the mail that is answered, between dashes.
    original: &'static [&'static str],
    /// The name of the mail that is passed on, between dashes or before a colon.
    forwarded: &'static [&'static str],
    /// How the line begins, or ends, that a telephone signs with.
    device: &'static [&'static str],
    /// How the subject of a reply begins, without its colon.
    answer: &'static [&'static str],
}

const LANGUAGES: &[Language] = &[
    // English
    Language {
        from: &["from"],
        date: &["sent", "date", "sent at", "sent on"],
        to: &["to"],
        subject: &["subject"],
        wrote: &["wrote", "writes", "sent", "has written"],
        leads: &["on", "at", "in a message dated", "quoting"],
        original: &[
            "original message",
            "original mail",
            "reply message",
            "original e-mail",
            "original email",
        ],
        forwarded: &[
            "forwarded message",
            "begin forwarded message",
            "forwarded email",
            "forwarded by",
            "fwd message",
        ],
        device: &[
            "sent from",
            "sent with",
            "sent using",
            "sent via",
            "get outlook for",
            "get bluemail for",
        ],
        answer: &["re", "fw", "fwd"],
    },
    // German
    Language {
        from: &["von", "absender"],
        date: &["gesendet", "datum", "gesendet am"],
        to: &["an", "empfänger"],
        subject: &["betreff"],
        wrote: &["schrieb", "geschrieben", "schreibt"],
        leads: &["am", "zitat von"],
        original: &[
            "ursprüngliche nachricht",
            "originalnachricht",
            "original-nachricht",
            "ursprüngliche mail",
            "antwort nachricht",
            "original nachricht",
        ],
        forwarded: &[
            "weitergeleitete nachricht",
            "anfang der weitergeleiteten nachricht",
            "weitergeleitete mail",
            "weitergeleitet von",
        ],
        device: &[
            "von meinem iphone",
            "von meinem ipad",
            "von meinem handy",
            "von meinem smartphone",
            "von meinem mobil",
            "von meinem android",
            "von meinem samsung",
            "gesendet von",
            "gesendet mit",
            "diese nachricht wurde von",
            "outlook für",
            "holen sie sich outlook",
            "von unterwegs gesendet",
        ],
        answer: &["aw", "antw", "wg"],
    },
    // French
    Language {
        from: &["de", "expéditeur"],
        date: &["envoyé", "date", "envoyé le", "date d'envoi", "message du"],
        to: &["à", "a", "destinataire", "pour"],
        subject: &["objet", "sujet"],
        wrote: &["a écrit", "écrivait", "a ecrit", "écrit"],
        leads: &["le"],
        original: &[
            "message d'origine",
            "message d’origine",
            "message original",
            "courriel original",
            "mail original",
        ],
        forwarded: &[
            "message transféré",
            "début du message transféré",
            "début du message réexpédié",
            "message réexpédié",
            "courriel transféré",
            "mail transféré",
        ],
        device: &[
            "envoyé de mon",
            "envoyé depuis",
            "envoyé à partir de",
            "envoyé avec",
            "envoyé par",
            "obtenir outlook pour",
            "télécharger outlook pour",
            "provenance : courrier",
        ],
        answer: &["re", "ré", "tr"],
    },
    // Spanish
    Language {
        from: &["de", "remitente"],
        date: &["enviado", "enviado el", "fecha", "enviado a las"],
        to: &["para", "a", "destinatario"],
        subject: &["asunto"],
        wrote: &["escribió", "escribio", "ha escrito"],
        leads: &["el"],
        original: &["mensaje original", "correo original"],
        forwarded: &["mensaje reenviado", "inicio del mensaje reenviado", "correo reenviado"],
        device: &[
            "enviado desde mi",
            "enviado desde",
            "enviado con",
            "obtener outlook para",
            "mandado desde mi",
        ],
        answer: &["re", "rv", "rm"],
    },
    // Italian
    Language {
        from: &["da", "mittente"],
        date: &["inviato", "data", "inviato il"],
        to: &["a", "destinatario"],
        subject: &["oggetto"],
        wrote: &["ha scritto", "scrive", "scrisse"],
        leads: &["il", "il giorno", "in data"],
        original: &["messaggio originale", "messaggio originario"],
        forwarded: &["messaggio inoltrato", "inizio messaggio inoltrato", "messaggio reinviato"],
        device: &[
            "inviato da",
            "inviato dal",
            "inviato con",
            "ottieni outlook per",
            "scarica outlook per",
        ],
        answer: &["r", "i", "rif"],
    },
    // Portuguese
    Language {
        from: &["de", "remetente"],
        date: &["enviado", "enviada", "enviada em", "enviado em", "data"],
        to: &["para", "destinatário"],
        subject: &["assunto"],
        wrote: &["escreveu"],
        leads: &["em", "no dia", "a", "no"],
        original: &["mensagem original"],
        forwarded: &[
            "mensagem encaminhada",
            "mensagem reencaminhada",
            "início da mensagem encaminhada",
            "início da mensagem reencaminhada",
        ],
        device: &[
            "enviado do meu",
            "enviada do meu",
            "enviado a partir",
            "enviado de",
            "enviado via",
            "obter o outlook para",
            "obtenha o outlook para",
        ],
        answer: &["res", "enc"],
    },
    // Dutch
    Language {
        from: &["van", "afzender"],
        date: &["verzonden", "datum", "verstuurd"],
        to: &["aan"],
        subject: &["onderwerp"],
        wrote: &["schreef", "geschreven", "schrijft"],
        leads: &["op"],
        original: &["oorspronkelijk bericht", "origineel bericht", "originele bericht"],
        forwarded: &["doorgestuurd bericht", "begin doorgestuurd bericht", "doorgestuurd door"],
        device: &[
            "verzonden vanaf",
            "verstuurd vanaf",
            "verzonden met",
            "verstuurd met",
            "outlook voor",
            "outlook downloaden voor",
        ],
        answer: &["antw", "betr", "doorst"],
    },
    // Danish
    Language {
        from: &["fra", "afsender"],
        date: &["sendt", "dato"],
        to: &["til", "modtager"],
        subject: &["emne"],
        wrote: &["skrev", "skriver"],
        leads: &["den", "på"],
        original: &["oprindelig meddelelse", "original meddelelse", "oprindelig besked"],
        forwarded: &[
            "videresendt meddelelse",
            "videresendt besked",
            "start på videresendt besked",
            "videresendt e-mail",
        ],
        device: &["sendt fra", "sendt med", "hent outlook til", "få outlook til"],
        answer: &["sv", "vs"],
    },
    // Norwegian
    Language {
        from: &["fra", "avsender"],
        date: &["sendt", "dato"],
        to: &["til", "mottaker"],
        subject: &["emne"],
        wrote: &["skrev", "skrev følgende"],
        leads: &["den", "på"],
        original: &["opprinnelig melding", "original melding", "opprinnelig e-post"],
        forwarded: &["videresendt melding", "videresendt e-post", "start på videresendt melding"],
        device: &["sendt fra", "sendt med", "skaff deg outlook for", "få outlook for"],
        answer: &["sv", "vs"],
    },
    // Swedish
    Language {
        from: &["från", "avsändare"],
        date: &["skickat", "datum", "skickades"],
        to: &["till", "mottagare"],
        subject: &["ämne"],
        wrote: &["skrev", "skriver", "följande"],
        leads: &["den", "på"],
        original: &[
            "ursprungligt meddelande",
            "ursprungsmeddelande",
            "originalmeddelande",
            "original meddelande",
        ],
        forwarded: &[
            "vidarebefordrat meddelande",
            "vidarebefordrat mejl",
            "vidarebefordrat brev",
            "början på vidarebefordrat meddelande",
            "vidarebefordrat e-postmeddelande",
            "börja vidarebefordrat meddelande",
        ],
        device: &["skickat från", "skickat med", "hämta outlook för", "sänt från"],
        answer: &["sv", "vb"],
    },
    // Finnish
    Language {
        from: &["lähettäjä", "keneltä"],
        date: &["lähetetty", "päivämäärä", "päiväys", "pvm", "lähetysaika"],
        to: &["vastaanottaja", "vastaanottajat", "kenelle"],
        subject: &["aihe", "otsikko"],
        wrote: &["kirjoitti"],
        leads: &[],
        original: &["alkuperäinen viesti", "alkuperäinen sähköposti"],
        forwarded: &[
            "välitetty viesti",
            "edelleenlähetetty viesti",
            "välitetty viesti alkaa",
            "edelleen lähetetty viesti",
        ],
        device: &[
            "lähetetty iphonesta",
            "lähetetty ipadista",
            "lähetetty minun",
            "lähetetty android",
            "lähetetty samsung",
            "lähetetty laitteesta",
            "lähetetty puhelimesta",
            "hanki outlook",
        ],
        answer: &["vs", "vl"],
    },
    // Polish
    Language {
        from: &["od", "nadawca"],
        date: &["wysłano", "data", "wysłane", "wysłana"],
        to: &["do", "odbiorca", "adresat"],
        subject: &["temat"],
        wrote: &["napisał", "napisała", "napisał(a)", "napisał/a", "pisze", "napisali"],
        leads: &["dnia", "w dniu", "dn."],
        original: &[
            "oryginalna wiadomość",
            "wiadomość oryginalna",
            "treść oryginalnej wiadomości",
            "pierwotna wiadomość",
        ],
        forwarded: &[
            "przekazana wiadomość",
            "wiadomość przekazana",
            "treść przekazanej wiadomości",
            "początek przekazywanej wiadomości",
            "przesłana wiadomość",
        ],
        device: &[
            "wysłane z",
            "wysłano z",
            "wysłane przez",
            "pobierz outlook dla",
            "pobierz aplikację outlook",
        ],
        answer: &["odp", "pd"],
    },
    // Czech
    Language {
        from: &["od", "odesílatel", "odesilatel"],
        date: &["odesláno", "datum", "posláno"],
        to: &["komu", "příjemce", "adresát"],
        subject: &["předmět"],
        wrote: &["napsal", "napsala", "napsal(a)", "napsal/a", "píše"],
        leads: &["dne"],
        original: &["původní zpráva", "původní e-mail", "původní email"],
        forwarded: &[
            "přeposlaná zpráva",
            "přeposlaný e-mail",
            "začátek přeposílané zprávy",
            "přeposlaná správa",
        ],
        device: &["odesláno z", "odesláno pomocí", "odeslané z", "získat outlook pro", "posláno z"],
        answer: &["odp"],
    },
    // Slovak
    Language {
        from: &["od", "odosielateľ"],
        date: &["odoslané", "dátum", "poslané"],
        to: &["komu", "príjemca", "pre"],
        subject: &["predmet"],
        wrote: &["napísal", "napísala", "napísal(a)", "píše"],
        leads: &["dňa"],
        original: &["pôvodná správa", "originálna správa", "pôvodný e-mail"],
        forwarded: &["preposlaná správa", "začiatok preposielanej správy", "preposlaný e-mail"],
        device: &["odoslané z", "odoslané pomocou", "získajte outlook pre"],
        answer: &["odp"],
    },
    // Hungarian
    Language {
        from: &["feladó", "küldő"],
        date: &["elküldve", "küldve", "dátum", "küldés ideje"],
        to: &["címzett", "címzettek"],
        subject: &["tárgy"],
        wrote: &["írta", "ezt írta", "írta (időpont", "írt"],
        leads: &[],
        original: &["eredeti üzenet", "eredeti levél"],
        forwarded: &[
            "továbbított üzenet",
            "továbbított levél",
            "a továbbított levél kezdete",
            "a továbbított üzenet kezdete",
        ],
        device: &[
            "elküldve az",
            "elküldve a",
            "az iphone készülékemről küldve",
            "küldve a",
            "az outlook beszerzése",
        ],
        answer: &["vá", "továbbítás", "tov"],
    },
    // Romanian
    Language {
        from: &["de la", "expeditor", "de"],
        date: &["trimis", "data", "dată", "trimis la", "expediat"],
        to: &["către", "catre", "la"],
        subject: &["subiect"],
        wrote: &["a scris"],
        leads: &["pe", "în", "la", "in"],
        original: &["mesaj original", "mesajul original", "mesajul inițial", "mesaj inițial"],
        forwarded: &[
            "mesaj redirecționat",
            "mesaj redirectionat",
            "începutul mesajului redirecționat",
            "mesaj retrimis",
        ],
        device: &[
            "trimis de pe",
            "trimis din",
            "trimis cu",
            "obțineți outlook pentru",
            "descărcați outlook pentru",
        ],
        answer: &["răsp"],
    },
    // Greek
    Language {
        from: &["από", "αποστολέας"],
        date: &["στάλθηκε", "ημερομηνία", "εστάλη", "απεστάλη"],
        to: &["προς", "παραλήπτης"],
        subject: &["θέμα"],
        wrote: &["έγραψε", "έγραψε τα εξής", "γράφει"],
        leads: &["στις", "την", "στίς"],
        original: &["αρχικό μήνυμα", "αυθεντικό μήνυμα"],
        forwarded: &["προωθημένο μήνυμα", "έναρξη προωθημένου μηνύματος", "προωθημένο e-mail"],
        device: &["στάλθηκε από", "εστάλη από", "αποκτήστε το outlook"],
        answer: &["απ", "πρθ"],
    },
    // Russian
    Language {
        from: &["от", "от кого", "отправитель"],
        date: &["отправлено", "дата", "послано"],
        to: &["кому", "получатель"],
        subject: &["тема"],
        wrote: &["написал", "написала", "написал(а)", "пишет", "писал", "пишете"],
        leads: &["в"],
        original: &[
            "исходное сообщение",
            "оригинальное сообщение",
            "исходное письмо",
            "первоначальное сообщение",
        ],
        forwarded: &[
            "пересылаемое сообщение",
            "пересланное сообщение",
            "начало переадресованного сообщения",
            "начало пересылаемого сообщения",
            "пересылаемое письмо",
            "конец пересылаемого сообщения",
            "перенаправленное сообщение",
        ],
        device: &[
            "отправлено с",
            "отправлено из",
            "отправлено через",
            "скачать outlook для",
            "послано с",
        ],
        answer: &["отв", "ha", "нa", "пересл"],
    },
    // Ukrainian
    Language {
        from: &["від", "від кого", "відправник"],
        date: &["надіслано", "дата", "відправлено"],
        to: &["кому", "одержувач"],
        subject: &["тема"],
        wrote: &["написав", "написала", "написав(ла)", "написав(-ла)", "пише", "пише до", "пишете"],
        leads: &["у"],
        original: &[
            "початкове повідомлення",
            "оригінальне повідомлення",
            "вихідне повідомлення",
            "оригінальний лист",
        ],
        forwarded: &[
            "переслане повідомлення",
            "пересланий лист",
            "початок переадресованого повідомлення",
            "перенаправлене повідомлення",
        ],
        device: &["надіслано з", "відправлено з", "отримати outlook для"],
        answer: &["від", "вд"],
    },
    // Turkish
    Language {
        from: &["gönderen", "kimden"],
        date: &["gönderildi", "gönderme tarihi", "tarih", "gönderilme tarihi"],
        to: &["kime", "alıcı"],
        subject: &["konu"],
        wrote: &["yazdı", "şunu yazdı", "şunları yazdı", "yazmış"],
        leads: &[],
        original: &["orijinal ileti", "özgün ileti", "orijinal mesaj", "özgün mesaj", "asıl mesaj"],
        forwarded: &[
            "iletilen mesaj",
            "yönlendirilmiş mesaj",
            "yönlendirilen ileti",
            "iletilmiş mesaj",
            "yönlendirilen mesaj",
        ],
        device: &[
            "iphone'umdan gönderildi",
            "iphone’umdan gönderildi",
            "'dan gönderildi",
            "'den gönderildi",
            "’dan gönderildi",
            "outlook'u edinin",
        ],
        answer: &["ynt", "ilt", "cvp"],
    },
    // Hebrew
    Language {
        from: &["מאת", "מ"],
        date: &["נשלח", "תאריך", "נשלח ב"],
        to: &["אל", "ל"],
        subject: &["נושא"],
        wrote: &["כתב", "כתבה", "כתב/ה", "מאת"],
        leads: &["בתאריך", "ב"],
        original: &["הודעה מקורית"],
        forwarded: &["הודעה שהועברה", "תחילת ההודעה שהועברה", "הודעה מועברת"],
        device: &["נשלח מה", "נשלח מ", "נשלח באמצעות"],
        answer: &["תגובה", "הועבר", "השב"],
    },
    // Arabic
    Language {
        from: &["من", "المرسل"],
        date: &["أرسلت", "تاريخ الإرسال", "التاريخ", "تم الإرسال", "أُرسلت"],
        to: &["إلى", "الى", "المستلم"],
        subject: &["الموضوع", "موضوع"],
        wrote: &["كتب", "كتبت", "كتب/ت", "كَتَب"],
        leads: &["في", "بتاريخ"],
        original: &["الرسالة الأصلية", "رسالة أصلية", "رسالة اصلية"],
        forwarded: &[
            "رسالة معاد توجيهها",
            "الرسالة المعاد توجيهها",
            "رسالة محولة",
            "بداية الرسالة المعاد توجيهها",
            "رسالة تمت إعادة توجيهها",
        ],
        device: &["أرسلت من", "أُرسلت من", "تم الإرسال من", "مرسل من"],
        answer: &["رد", "إعادة توجيه"],
    },
    // Vietnamese
    Language {
        from: &["từ", "người gửi"],
        date: &["đã gửi", "ngày", "ngày gửi", "gửi", "thời gian"],
        to: &["đến", "tới", "người nhận"],
        subject: &["chủ đề", "tiêu đề"],
        wrote: &["đã viết", "viết"],
        leads: &["vào", "ngày", "lúc"],
        original: &["tin nhắn gốc", "thư gốc", "tin nhắn ban đầu", "thư ban đầu"],
        forwarded: &[
            "tin nhắn được chuyển tiếp",
            "thư được chuyển tiếp",
            "thư chuyển tiếp",
            "bắt đầu thư được chuyển tiếp",
            "tin nhắn đã chuyển tiếp",
        ],
        device: &["đã gửi từ", "được gửi từ", "gửi từ", "tải outlook cho"],
        answer: &["trả lời", "tl"],
    },
    // Chinese
    Language {
        from: &["发件人", "寄件者", "寄件人", "发件者", "發件人"],
        date: &[
            "发送时间",
            "日期",
            "寄件日期",
            "时间",
            "傳送日期",
            "傳送時間",
            "发送日期",
            "發送日期",
            "寄件時間",
        ],
        to: &["收件人", "收件者"],
        subject: &["主题", "主旨", "主題"],
        wrote: &["写道", "寫道", "撰写", "來信"],
        leads: &["在", "於", "于"],
        original: &[
            "原始邮件",
            "原邮件",
            "邮件原件",
            "原始郵件",
            "原始信件",
            "原始讯息",
            "原始訊息",
            "回复的原邮件",
        ],
        forwarded: &[
            "转发的邮件",
            "转发邮件",
            "轉寄郵件",
            "轉寄的郵件",
            "轉寄訊息",
            "已转发邮件",
            "以下是转发的邮件",
            "转发的原邮件",
            "已轉寄的郵件",
            "开始转发的邮件",
        ],
        device: &["发自我的", "从我的", "發自我的", "傳送自我的", "從我的", "发送自", "来自我的"],
        answer: &["回复", "回覆", "答复", "答覆", "转发", "轉寄", "轉發"],
    },
    // Japanese
    Language {
        from: &["差出人", "送信者", "送信元"],
        date: &["送信日時", "日付", "日時", "送信日"],
        to: &["宛先", "受信者"],
        subject: &["件名", "題名"],
        wrote: &["のメール", "書きました", "のメッセージ", "より", "は書きました"],
        leads: &[],
        original: &[
            "元のメッセージ",
            "オリジナルメッセージ",
            "元のメール",
            "オリジナル メッセージ",
            "original message",
        ],
        forwarded: &[
            "転送メッセージ",
            "転送されたメッセージ",
            "転送されたメール",
            "転送メール",
            "転送済みメッセージ",
        ],
        device: &["iphoneから送信", "ipadから送信", "から送信", "outlook for"],
        answer: &["返信", "転送"],
    },
    // Korean
    Language {
        from: &["보낸 사람", "보낸사람", "발신", "발신자", "보낸이"],
        date: &["보낸 날짜", "보낸날짜", "날짜", "일시", "보낸 시간", "보낸시간"],
        to: &["받는 사람", "받는사람", "수신", "수신자", "받는이"],
        subject: &["제목"],
        wrote: &["작성", "님이 작성", "님께서 작성", "썼습니다", "님이 쓴 글"],
        leads: &[],
        original: &["원본 메시지", "원본 메일", "원래 메시지", "원본메시지", "원본메일"],
        forwarded: &["전달된 메시지", "전달된 메일", "전달 메시지", "전달된 메세지"],
        device: &["나의 iphone에서 보냄", "내 iphone에서 보냄", "에서 보냄", "에서 보내는"],
        answer: &["회신", "답장", "전달"],
    },
    // Catalan
    Language {
        from: &["de"],
        date: &["enviat", "data"],
        to: &["per a", "a"],
        subject: &["assumpte"],
        wrote: &["va escriure", "ha escrit"],
        leads: &["el"],
        original: &["missatge original"],
        forwarded: &["missatge reenviat", "inici del missatge reenviat"],
        device: &["enviat des de", "enviat des del"],
        answer: &[],
    },
    // Croatian, Serbian, Slovenian
    Language {
        from: &["od", "šalje", "pošiljatelj"],
        date: &["poslano", "datum", "poslato"],
        to: &["za", "prima", "primatelj"],
        subject: &["predmet", "naslov", "zadeva", "tema"],
        wrote: &[
            "napisao je",
            "je napisao",
            "je napisala",
            "napisao/la",
            "je napisal",
            "napisao",
            "napisala",
        ],
        leads: &["dana", "dne"],
        original: &[
            "izvorna poruka",
            "originalna poruka",
            "izvirno sporočilo",
            "prvotno sporočilo",
        ],
        forwarded: &["proslijeđena poruka", "prosleđena poruka", "posredovano sporočilo"],
        device: &["poslano s", "poslano z", "poslato sa"],
        answer: &["odg", "na"],
    },
    // Bulgarian
    Language {
        from: &["от", "подател"],
        date: &["изпратено", "дата"],
        to: &["до", "получател"],
        subject: &["относно", "тема"],
        wrote: &["написа", "пише"],
        leads: &["на"],
        original: &["оригинално съобщение"],
        forwarded: &["препратено съобщение", "начало на препратеното съобщение"],
        device: &["изпратено от"],
        answer: &["отн"],
    },
    // Estonian, Latvian, Lithuanian
    Language {
        from: &["saatja", "no", "nuo"],
        date: &["saadetud", "kuupäev", "nosūtīts", "datums", "išsiųsta", "data"],
        to: &["adressaat", "saaja", "kam", "kam:", "iki"],
        subject: &["teema", "temats", "tēma", "tema"],
        wrote: &["kirjutas", "rakstīja", "rašė", "parašė"],
        leads: &[],
        original: &[
            "algne sõnum",
            "algne kiri",
            "sākotnējais ziņojums",
            "pradinis laiškas",
            "originalus laiškas",
        ],
        forwarded: &["edastatud sõnum", "pārsūtīta ziņa", "persiųstas laiškas"],
        device: &["saadetud minu", "nosūtīts no", "išsiųsta iš"],
        answer: &["ats"],
    },
    // Indonesian
    Language {
        from: &["dari"],
        date: &["dikirim", "tanggal"],
        to: &["kepada", "ke"],
        subject: &["subjek", "perihal"],
        wrote: &["menulis"],
        leads: &["pada"],
        original: &["pesan asli"],
        forwarded: &["pesan terusan", "pesan yang diteruskan"],
        device: &["dikirim dari"],
        answer: &["bls", "trs"],
    },
];

/// Labels of a header block that are no block by themselves.
const OTHERS: &[&str] = &[
    "cc",
    "bcc",
    "reply-to",
    "reply to",
    "attachments",
    "attachment",
    "importance",
    "priority",
    "sensitivity",
    "when",
    "where",
    "organization",
    "message-id",
    "resent-from",
    "sent by",
    "antwort an",
    "kopie",
    "anlagen",
    "anhang",
    "priorität",
    "wichtigkeit",
    "copie à",
    "copie",
    "pièces jointes",
    "importance haute",
    "répondre à",
    "responder a",
    "adjuntos",
    "importancia",
    "allegati",
    "rispondi a",
    "copia",
    "anexos",
    "bijlage",
    "bijlagen",
    "urgentie",
    "antwoord aan",
    "svar til",
    "vedhæftede filer",
    "vedlegg",
    "kopi",
    "kopia",
    "bilagor",
    "svara till",
    "prioritet",
    "kopio",
    "liitteet",
    "dw",
    "do wiadomości",
    "załączniki",
    "kopie dla",
    "přílohy",
    "kópia",
    "prílohy",
    "másolatot kap",
    "másolat",
    "mellékletek",
    "κοιν",
    "κοινοποίηση",
    "копия",
    "копія",
    "вложения",
    "bilgi",
    "ekler",
    "עותק",
    "קבצים מצורפים",
    "نسخة",
    "المرفقات",
    "抄送",
    "副本",
    "附件",
    "添付ファイル",
    "참조",
    "첨부",
    "숨은 참조",
];

/// Names that a program gives to a mail without a subject.
const UNNAMED: &[&str] = &[
    "(no subject)",
    "no subject",
    "(none)",
    "(kein betreff)",
    "kein betreff",
    "(sans objet)",
    "(pas de sujet)",
    "(aucun objet)",
    "(sin asunto)",
    "(nessun oggetto)",
    "(sem assunto)",
    "(geen onderwerp)",
    "(intet emne)",
    "(uden emne)",
    "(ingen emne)",
    "(inget ämne)",
    "(ei aihetta)",
    "(brak tematu)",
    "(bez tematu)",
    "(bez předmětu)",
    "(bez predmetu)",
    "(nincs tárgy)",
    "(fără subiect)",
    "(χωρίς θέμα)",
    "(без темы)",
    "без темы",
    "(без теми)",
    "(konu yok)",
    "(ללא נושא)",
    "(بلا موضوع)",
    "(không có chủ đề)",
    "(无主题)",
    "无主题",
    "(無主旨)",
    "(件名なし)",
    "(제목 없음)",
];

fn all<'a>(pick: impl Fn(&'a Language) -> &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    LANGUAGES.iter().flat_map(move |language| pick(language).iter().copied())
}

static LABELS: LazyLock<HashMap<&str, Label>> = LazyLock::new(|| {
    let mut labels: HashMap<&str, Label> = HashMap::new();
    labels.extend(OTHERS.iter().map(|name| (*name, Label::Other)));
    labels.extend(all(|language| language.subject).map(|name| (name, Label::Subject)));
    labels.extend(all(|language| language.to).map(|name| (name, Label::To)));
    labels.extend(all(|language| language.date).map(|name| (name, Label::Date)));
    labels.extend(all(|language| language.from).map(|name| (name, Label::From)));
    labels
});

static ANSWERS: LazyLock<HashSet<&str>> = LazyLock::new(|| all(|l| l.answer).collect());

/// What a label in lower case is, without its colon.
pub(super) fn label(name: &str) -> Option<Label> {
    LABELS.get(name).copied()
}

/// Whether a subject in lower case begins as that of a reply or a forward: "re:", "aw:", "sv: ", "re[2]:".
pub(super) fn answers(subject: &str) -> bool {
    let Some((head, _)) = subject.split_once([':', '：']) else { return false };
    let head = head.trim_end_matches(|c: char| {
        c.is_ascii_digit() || matches!(c, '[' | ']' | '(' | ')' | '^' | ' ')
    });
    ANSWERS.contains(head.trim())
}

/// Whether a subject in lower case is what a program writes where there is none.
pub(super) fn is_unnamed(subject: &str) -> bool {
    UNNAMED.contains(&subject)
}

/// Whether a line in lower case has the verb of an attribution as a word of its own.
pub(super) fn has_verb(line: &str) -> bool {
    all(|language| language.wrote).any(|verb| has_phrase(line, verb))
}

/// Whether a line in lower case ends with the verb of an attribution.
pub(super) fn ends_with_verb(line: &str) -> bool {
    all(|language| language.wrote).any(|verb| {
        line.strip_suffix(verb).is_some_and(|before| !ends_in_letter(before) || !verb.is_ascii())
    })
}

/// The word that an attribution begins with, if a line in lower case begins with it.
pub(super) fn lead(line: &str) -> Option<&'static str> {
    let is_lead = |lead: &&&str| {
        line.strip_prefix(**lead)
            .is_some_and(|rest| rest.starts_with(char::is_whitespace) || !lead.is_ascii())
    };
    LANGUAGES.iter().flat_map(|l| l.leads).filter(is_lead).max_by_key(|lead| lead.len()).copied()
}

/// Whether a line in lower case, without the dashes around it, names the mail that is answered.
pub(super) fn is_original(line: &str) -> bool {
    all(|language| language.original).any(|name| name == line)
}

/// Whether a line in lower case, without the dashes around it, names the mail that is passed on.
pub(super) fn is_forwarded(line: &str) -> bool {
    all(|language| language.forwarded).any(|name| {
        line == name
            || (name.ends_with(" by") || name.ends_with(" von") || name.ends_with(" door"))
                && line.starts_with(name)
    })
}

/// Whether a line in lower case is one that a telephone or a mail program signs with.
pub(super) fn is_device(line: &str) -> bool {
    all(|language| language.device).any(|mark| {
        match mark.starts_with(['\'', '’']) || !mark.is_ascii() {
            true => line.starts_with(mark) || line.ends_with(mark),
            false => line
                .strip_prefix(mark)
                .is_some_and(|rest| rest.is_empty() || !rest.starts_with(char::is_alphanumeric)),
        }
    })
}

/// Whether `line` has `phrase`, and not as a part of a longer word.
fn has_phrase(line: &str, phrase: &str) -> bool {
    // Scripts without spaces join words, and so do the endings of others.
    let joined = phrase.chars().all(is_unspaced);
    line.match_indices(phrase).any(|(at, _)| {
        let after = &line[at + phrase.len()..];
        joined || (!ends_in_letter(&line[..at]) && !after.starts_with(char::is_alphabetic))
    })
}

fn ends_in_letter(text: &str) -> bool {
    text.chars().next_back().is_some_and(|c| c.is_alphabetic() && !is_unspaced(c))
}

/// Whether a letter belongs to a script that is written without spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | ' ')
}

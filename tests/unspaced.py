"""Sentences of languages that are written without blanks, and their words: written here, by hand.

`|` stands between words. Words are cut finely: particles and auxiliaries of Japanese stand alone, numbers apart from
what they count, and what dictionaries have as one word stays one.
"""

from __future__ import annotations

_GOLD = {
    "zh": """
        我|昨天|在|图书馆|借|了|三|本|书
        这|家|餐厅|的|牛肉面|很|好吃
        科学家|发现|了|一|种|新|的|材料
        他|买|了|一|部|手机
        电池|可以|用|两|天
        明天|下午|有|大雨
        请|记得|带|雨伞
        今年|的|足球|比赛|吸引|了|很多|观众
        政府|宣布|明年|降低|个人|所得税
        我們|週末|去|山上|看|日出
        天氣|非常|寒冷
        這|本|小說|的|作者|住|在|台北
    """,
    "ja": """
        私|は|昨日|図書館|で|本|を|三|冊|借り|まし|た
        この|店|の|ラーメン|は|とても|おいしい|です
        明日|の|午後|は|雨|が|降る|ので
        傘|を|持っ|て|ください
        新しい|カメラ|を|買っ|て|海|で|写真|を|撮っ|た
        研究者|たち|は|太陽|の|光|から|電気|を|作る|方法|を|見つけ|た
        子ども|の|ころ|よく|川|で|魚|を|釣っ|た
        電車|が|遅れ|た|ため|会議|に|間に合わ|なかっ|た
        今年|の|サッカー|大会|に|は|多く|の|観客|が|集まっ|た
        母|は|毎朝|庭|の|花|に|水|を|やる
        今|だけ|無料|で|配布|し|て|い|ます
    """,
    "th": """
        เมื่อวาน|ฉัน|ไป|ยืม|หนังสือ|สาม|เล่ม|ที่|ห้องสมุด
        ร้าน|นี้|ขาย|ก๋วยเตี๋ยว|อร่อย|มาก|และ|ราคา|ไม่|แพง
        พรุ่งนี้|ฝน|จะ|ตก|หนัก
        อย่า|ลืม|เอา|ร่ม|ไป|ด้วย
        นักวิทยาศาสตร์|ค้นพบ|วัสดุ|ใหม่|ที่|เก็บ|พลังงาน|แสงอาทิตย์|ได้
        เขา|ซื้อ|โทรศัพท์|เครื่อง|ใหม่|เพราะ|เครื่อง|เก่า|เสีย
        วันหยุด|นี้|เรา|จะ|ไป|เที่ยว|ทะเล|กับ|เพื่อน
        รัฐบาล|ประกาศ|ลด|ภาษี|ให้|ประชาชน|ใน|ปี|หน้า
        แม่|ทำ|อาหาร|ให้|ลูก|กิน|ทุก|วัน
        แจก|ฟรี|วันนี้|เท่านั้น
    """,
    "km": """
        ម្សិលមិញ|ខ្ញុំ|ទៅ|ខ្ចី|សៀវភៅ|បី|ក្បាល|នៅ|បណ្ណាល័យ
        ហាង|នេះ|លក់|គុយទាវ|ឆ្ងាញ់|ណាស់|ហើយ|តម្លៃ|មិន|ថ្លៃ|ទេ
        ថ្ងៃស្អែក|នឹង|មាន|ភ្លៀង|ធ្លាក់|ខ្លាំង
        គាត់|ទិញ|ទូរស័ព្ទ|ថ្មី|មួយ|គ្រឿង
        កុមារ|ទៅ|សាលារៀន|ជា|រៀងរាល់|ព្រឹក
        រដ្ឋាភិបាល|ប្រកាស|បញ្ចុះ|ពន្ធ|នៅ|ឆ្នាំ|ក្រោយ
        ម្តាយ|ចម្អិន|ម្ហូប|ឲ្យ|កូន|ញ៉ាំ|រាល់|ថ្ងៃ
        យើង|ទៅ|លេង|សមុទ្រ|ជាមួយ|មិត្តភក្តិ
    """,
    "lo": """
        ມື້ວານນີ້|ຂ້ອຍ|ໄປ|ຢືມ|ປຶ້ມ|ສາມ|ຫົວ|ຢູ່|ຫໍສະໝຸດ
        ຮ້ານ|ນີ້|ຂາຍ|ເຝີ|ແຊບ|ຫຼາຍ|ແລະ|ລາຄາ|ບໍ່|ແພງ
        ມື້ອື່ນ|ຝົນ|ຈະ|ຕົກ|ໜັກ
        ຢ່າ|ລືມ|ເອົາ|ຄັນຮົ່ມ|ໄປ|ນຳ
        ລາວ|ຊື້|ໂທລະສັບ|ໃໝ່|ໜຶ່ງ|ເຄື່ອງ
        ເດັກນ້ອຍ|ໄປ|ໂຮງຮຽນ|ທຸກ|ເຊົ້າ
        ລັດຖະບານ|ປະກາດ|ຫຼຸດ|ພາສີ|ໃນ|ປີ|ໜ້າ
        ແມ່|ເຮັດ|ອາຫານ|ໃຫ້|ລູກ|ກິນ|ທຸກ|ມື້
        ພວກເຮົາ|ໄປ|ຫຼິ້ນ|ນ້ຳຕົກ|ກັບ|ໝູ່|ໃນ|ວັນພັກ
    """,
}
# By language its sentences, each as its words.
GOLD = {
    language: [line.strip().split("|") for line in text.split("\n") if line.strip()] for language, text in _GOLD.items()
}
# F1 of the boundaries that ours finds (tests/benchmarks/segmenters.py).
SCORES = {"zh": 0.883, "ja": 0.921, "th": 0.937, "km": 0.959, "lo": 0.964}


def boundary_f1(gold: list[list[str]], found: list[list[str]]) -> float:
    """F1 of the boundaries within sentences, over all sentences together."""
    right = total = 0
    for truth, words in zip(gold, found, strict=True):
        assert "".join(truth) == "".join(words)
        meant, told = boundaries(truth), boundaries(words)
        right += len(meant & told)
        total += len(meant) + len(told)
    return 2 * right / total


def boundaries(words: list[str]) -> set[int]:
    """Where words meet: places in the sentence that they make."""
    ends, place = set(), 0
    for word in words[:-1]:
        place += len(word)
        ends.add(place)
    return ends

"""Free text of a header, told from terms of radiology: only what is made of known terms may be shown unasked.

Operators type names, numbers and remarks into descriptions, and some into attributes that are meant for codes. No list
of names could catch them all, so what may be shown is listed instead. Everything else is free text: it waits behind
the mask of the facts panel and stays out of titles, warnings and exports.

References
----------
DICOM PS3.3 C.7.3.1.1.1 (Modality), C.8.11.5 and C.8.11.7 (views); PS3.16 Annex L (Body Part Examined).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_MODALITIES = """
    AR ASMT AU BDUS BI BMD CD CF CP CR CS CT CTPROTOCOL DD DF DG DM DMS DOC DR DS DX EC ECG EEG EMG EOG EPS ES FA
    FID FS GM HC HD IO IOL IVOCT IVUS KER KO LEN LP LS MA MG MR MS NM OAM OCT OP OPM OPR OPT OPTBSV OPTENF OPV OSS
    OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SC
    SEG SM SMR SR SRF ST STAIN TEXTUREMAP TG US VA VF VL XA XAPROTOCOL XC
"""
_VIEWS = """
    AP AXIAL CALDWELL CC CCFB FB ISO LAO LAT LATERAL LL LLD LLO LM LMLO LMO LPO ML MLO OBL OBLIQUE PA RAO RI RL RLD
    RLO RM RPO RS SIO TANGENTIAL TOWNE WATERS XCC XCCL XCCM
"""

_ANATOMY = """
    abd abdomen abdominal addome adrenal anca ankle antrum anus aorta aortic appendix arm arterial arteries artery
    axilla bacino back bassin becken bile biliary bladder bone bones bowel brain brainstem breast bronchi bronchus
    brust brustkorb buttock bws cabeza cadera calcaneus calf cardiac carotid carotids carpal cavity cerebellum
    cerebral cerebro cerveau cervical cervix chest chin clavicle coccyx coeur colon colonic colonna columna corazon
    cord cornea coronary crane craneo cranial cranio cranium cspine ctspine cuboid cuello cuore diaphragm disc
    dorsal duct duodenum ear ears elbow encefalo epaule esophagus extremity eye eyelid eyes face facial fegato
    femoral femur fibula finger fingers foie foot foramen forearm forefoot fuss gallbladder gehirn genital genou
    ginocchio gland groin hallux hals hanche hand hands head heart heel hepatic herz higado hip hips hirn hombro
    hufte humerus hws hypothalamus iac ileum ilium intestine jaw jejunum joint kidney kidneys knee knees knie kopf
    kub larynx leber leg legs ligament limb liver lobe lspine lsspine lumbar lumbosacral lung lunge lungen lungs lws
    lymph mamma mandible maxilla mediastinum meniscus metacarpal metatarsal mouth muscle myocardium nasal
    nasopharynx neck nerve niere nieren nose oberbauch oesophagus optic orbit orbits ovary palate pancreas
    parathyroid parotid patella pecho peito pelvic pelvis penis perineum pharynx pituitary placenta pleura poitrine
    polmone polmoni poumon poumons prostate pulmon pulmonary pylorus rachis radius rectum rein reins renal rene reni
    rib ribs rodilla sacral sacroiliac sacrum scalp scaphoid scapula schadel schulter sclera scrotum sella septum
    shoulder shoulders sinus sinuses skeletal skeleton skin skull spalla spinal spine spleen splenic sspine sternum
    stomach subclavian supraclavicular talus temporal tendon testa testis tete thalamus thigh thoracic thorax thumb
    thymus thyroid tibia tlspine toe toes tongue tonsil tooth torace torax trachea trunk tspine ulna umbilical
    ureter urethra uterine uterus vagina valve vascular vein veins venous ventricle vertebra vertebral vessel
    vessels vulva wholebody wirbelsaule wrist zygoma
"""

_JOINING = """
    a and as at avec bilateral body both by con das de del della der des destra die droite du e entire et for from
    gauche in incl including is l la le left les links lower lt m mit no not of ohne on or other part per r rechts
    region right rt sans sin single sinistra structure the this to total und unilateral upper vs w whole with
    without wo y
"""

_TECHNIQUE = """
    2d 3d 4d ac acq acquisition adc add additional agent aif anatomy angio angiogram angiography anterior ap apical
    apparent arterial asl attenuation average averaged ax axial axiale axiales b background balanced basal baseline
    bh blade blood bold bolus bravo breath breathhold breathing c calcium caldwell calibration ce cect ceus cine
    clinical coil collection color colour combined comp complete cont contrast control cor coronal coronale
    corrected cover cta ctv cube cut cuts d dark data decubitus default delay delayed demonstration derived dess
    detail detector diagnostic diffusion digital direct dixon doppler dose dotarem double dual dwi dyn dynamic
    dynamics early ecg echo edema edge effusion elevated enhanced ep epi equilibrium erect exam examination exp
    expiration expiratory exposure extended fast fat fatsat fd ffe field fiesta filtered first fl fl2d fl3d flair
    flash flex flow fluid fmri fov fp frame frames frontal fs fse full fullres functional fused fusion gadobutrol
    gadolinium gadoterate gadovist gated gating gd ge gradient gre gy h hard hardcopy harder haste helical high
    highres hires hr hrct hu hybrid hyper i im image images imaging inf inferior initial inphase insp
    inspiration inspiratory intravenous inversion inverted iodinated iodine iodixanol iohexol iomeprol iomeron
    iopamidol iopromide ir iso isotropic isovue iv kernel kontrast lao lat late lateral lava lesion limited line ll
    llat lo loc localiser localizer localizers lossy low lowdose lrao lumbar lung lv m mag magnevist magnitude map
    maps marked marker mask measurement medial mediastinal mic mid middle midline min minip mip mipr mlo mm
    mobile mono monoenergetic morphology motion mov movie mp mp2rage mpr mprage mr mra mrcp mri mrv mtt multi
    multiphase multiplanar multislice nac narrow nativ native nd neg nerve neutral new nm non noncontrast norm
    normal o obl obli oblic oblique omnipaque omniscan op open opp opposed opposedphase optional optiray oral
    original out outofphase outphase overview p pa parallel parenchyma part pass pc pca pct pd pdw perf perfusion
    pet phase phases pilot plain plan plane planning plus pns port portable portal portalvenous portovenous position
    post postcontrast posterior pre precontrast prep presentation primary processed processing product projected
    projection prone propeller protocol proton pulse q quick r radial radiograph rao rapid raw ray rcbf rcbv readout
    rec recon reconstruction reconstructions reformat reformats reformatted reg regional registered relative repeat
    report res resolution rest restricted result results retro review rf rl rot rotated rx rotation routine rows s sag
    saggital sagittal sagittale sat saturated scan scanogram scans scintigraphy scout scouts screen screening se
    sec secondary seg segmentation seitenlage seitlich sense seq sequence serie series set shoot short side simple
    single slab slice slices slow small smart smartscore smooth soft softer source sp space spair spc spec spect
    spectral spgr spin spir spiral sr ssfp standard standing std ste steady stehend step stir strain stress
    structured study stunden sub subtracted subtraction sum superior supine surface survey surview swi swim t t1 t1w
    t1weighted t2 t2w t2weighted table tangential target te tec test thick thin thins ti time timing tir tirm tissue
    tof tomo tomography tomosynthesis topo topogram tr tra trace tracew track tracking trans transversal transverse
    true trufi tse tumb tumor tumour turbo two u ultrafast ultrasound ultravist unenhanced uniform upright us user v
    venous vibe view views visipaque vista vol volume volumetric vr vrt w warp water waters wb weight weighted wfi
    wide width window window1 window2 windowed wip wo x xenetix xr xray xrays year zoom zoomed
"""

_MAKERS = """
    ag agfa aktiengesellschaft barco bruker canon carestream co company corp corporation digital elekta elscint
    esaote film fuji fujifilm g gevaert gmbh health healthcare healthineers hitachi hologic imaging imatron inc
    industries kk kodak konica lodox lorad ltd marconi mec medical medicals medison mindray minolta mobile nec
    nemoto neusoft philips photo picker planmeca ray samsung sciex sectra shimadzu siemens sirona sonosite swissray
    systems technologies tiani toshiba trex united varian vatech x ziehm
"""


MODALITIES = frozenset(_MODALITIES.split())
"""Terms of Modality, retired ones and those that older systems write included."""
VIEWS = frozenset(_VIEWS.split())


@cache
def _words_of(block: str) -> frozenset[str]:
    return frozenset(block.split())


_NUMBER = re.compile(r"\d|\d{1,2}[.,]\d{1,2}|\d{1,3}([.,]\d{1,3})?(mm|cm|s|sec|ms|min|t|kv|ma|ml|hu|w|d|x|st|nd|rd|th)")
"""One digit, a fraction, or a number with its unit: longer ones may be parts of an ID or of a date."""

_PATTERN = re.compile(
    r"[ctls]\d{1,2}|[ctls]\d{1,2}[ctls]\d{1,2}"  # vertebrae
    r"|b\d{1,4}|t[12][a-z]{0,3}|fl[23]d\d?|te\d{1,3}|tr\d{1,4}|ti\d{1,4}"  # MR
    r"|(b|h|u|t|d|i|br|bl|bv|bf|hr|hc|hv|qr|sa|ur|uh|fc)\d{2}[a-z]?"  # reconstruction kernels of CT
    r"|\d{1,3}%|(isovue|omnipaque|ultravist|visipaque|iomeron|optiray|xenetix)\d{3}"
)
_SEPARATORS = re.compile(r"[\s_\-/\\,;:()<>\[\]{}+^*=|&#'\"!?]+|\.(?!\d)|(?<!\d)\.")
_RUN_TOGETHER = re.compile(
    "(chest|thorax|abdomen|abd|pelvis|pelv|head|neck|brain|spine|heart|liver|leg|legs|foot|hand|whole|body|to|and|"
    "lung|lungs|aorta|hip|knee|shoulder|c|t|l)+"
)


def folded(value: str) -> str:
    """Return text without what writers vary: case, diacritics and everything that is no letter or digit."""
    plain = unicodedata.normalize("NFKD", value).casefold()
    return "".join(character for character in plain if character.isalnum())


def words_of(value: str) -> tuple[str, ...]:
    """Return the words of a text as they are written."""
    return tuple(word for word in _SEPARATORS.split(value) if word)


def is_term(word: str) -> bool:
    """Whether a word is one that descriptions of examinations are made of."""
    lower = word.casefold()
    if _NUMBER.fullmatch(lower) or _PATTERN.fullmatch(lower.replace(".", "")):
        return True
    return folded(word) in _words_of(_TECHNIQUE) | _words_of(_JOINING) or is_anatomical(word)


def is_anatomical(word: str) -> bool:
    """Whether a word names a part of the body, alone or run together as in CHESTABDPELVIS."""
    plain = folded(word)
    return plain in _words_of(_ANATOMY) or (len(plain) > 5 and _RUN_TOGETHER.fullmatch(plain) is not None)


def is_joining(word: str) -> bool:
    """Whether a word says nothing by itself."""
    return folded(word) in _words_of(_JOINING)


def is_of_maker(word: str) -> bool:
    """Whether a word belongs to the name of a known maker of scanners."""
    return folded(word) in _words_of(_MAKERS)

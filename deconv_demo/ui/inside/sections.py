"""The sections of the Look inside tab beside the feature maps, by id of their tab."""

from deconv_demo.ui.inside.ablation import AblationSection
from deconv_demo.ui.inside.receptive_field import ReceptiveFieldSection
from deconv_demo.ui.inside.upsampling import UpsamplingSection

# A section is a class that takes ``(context, translations)``; see ``panel.PanelSection`` for its
# members.
SECTIONS: dict[str, type] = {
    "surgery": AblationSection,
    "pixel": ReceptiveFieldSection,
    "lens": UpsamplingSection,
}

"""The sections of the Look inside tab beside the feature maps, by id of their tab."""

from deconv_demo.ui.inside.ablation import SurgerySection
from deconv_demo.ui.inside.receptive_field import PixelSection
from deconv_demo.ui.inside.upsampling import LensSection

# A section is a class that takes ``(context, translations)``; see ``panel.PanelSection`` for its
# members.
SECTIONS: dict[str, type] = {
    "surgery": SurgerySection,
    "pixel": PixelSection,
    "lens": LensSection,
}

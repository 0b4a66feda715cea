"""Lecture

icon: slideshow
"""

import streamlit as st

from skipviz.ui.lecture import lecture, player, room_settings

place = lecture.from_address()
if place.playing:
    player.play(place)
else:
    st.title("Lecture scenes")
    lecture.contents()
    room_settings.all_rooms()
